# summary: a driver domain with memory=96 starts, says what its start took, and ends by xl shutdown
# timeout: 300
# machine: icount
# files: test-domain
# shellcheck shell=dash

dd_start dd
log=$RIG_LOG/guest-dd.log
wait_for 10 "drvdom-init's line about the start" grep -q "drvdomd started" "$log"
grep "drvdom-init:" "$log"
grep -q "^error" "$log" && fail "the driver domain complains: $(grep -m 1 '^error' "$log")"
# "drvdomd started 2452 ms after the kernel (kernel 2265, mounts 12, modules 147, ...); 19 MB free"
free=$(sed -n 's/.*; \([0-9]*\) MB free.*/\1/p' "$log")
[ "$free" -ge 12 ] || fail "only $free MB are free in a driver domain of 96 MB"
figure dd.kernel "$(sed -n 's/.*(kernel \([0-9]*\),.*/\1/p' "$log")" ms
figure dd.drvdomd_started "$(sed -n 's/.*drvdomd started \([0-9]*\) ms.*/\1/p' "$log")" ms
figure dd.free "$free" MB

start=$(uptime_now)
xl shutdown -w dd >/dev/null || fail "xl shutdown of the driver domain failed"
say "shut down in $(elapsed "$start") s"
grep -q "powering off" "$log" || fail "the driver domain did not say that it powers off"
