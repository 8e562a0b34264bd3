# summary: dom0 comes up: xl, xenstore and Xen's own log answer
# timeout: 60
# shellcheck shell=dash

xl list
assert_eq "dom0's name" "$(xs /local/domain/0/name)" Domain-0
assert xl info
xl dmesg | grep -q 'Xen version' || fail "xl dmesg does not show Xen's boot messages"
nothing_left 999
