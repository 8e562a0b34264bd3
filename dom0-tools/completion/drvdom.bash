# bash completion of drvdom: verbs, options, domains and their devices.
# shellcheck shell=bash

# Asked of drvdom itself, which reads xenstore: needs root, and stays silent without.
_drvdom_domains() {
    drvdom list --json 2>/dev/null | sed -n 's/^    "name": "\(.*\)",*$/\1/p'
    # stopped ones have only a configuration
    local cfg
    for cfg in /etc/xen/*.cfg; do
        [ -e "$cfg" ] && grep -q '^[[:space:]]*driver_domain *= *1' "$cfg" 2>/dev/null &&
            basename "$cfg" .cfg
    done
}

_drvdom_guests() {
    xl list 2>/dev/null | awk 'NR > 2 { print $1 }'
}

_drvdom_devices() {     # GUEST
    drvdom show "$1" --json 2>/dev/null | sed -n 's/^      "device": "\(.*\)",*$/\1/p'
}

_drvdom_words() {
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_drvdom() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]-}
    local guest
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        _drvdom_words "$(drvdom --help 2>/dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p')"
        return
    fi
    case $prev in
    --config)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --image | -o)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --nic | --disk)
        _drvdom_words "$(cd /sys/bus/pci/devices 2>/dev/null && printf '%s\n' *)"
        return
        ;;
    esac
    case $verb:$cur in
    *:-*)
        _drvdom_words "$(drvdom "$verb" --help 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)"
        ;;
    why:*/*)
        guest=${cur%%/*}
        _drvdom_words "$(_drvdom_devices "$guest" | sed "s|^|$guest/|")"
        ;;
    why:*)
        _drvdom_words "$(_drvdom_guests)"
        ;;
    attach:* | detach:* | rate:* | resize:* | media:*)
        case $COMP_CWORD in
        2) _drvdom_words "$(_drvdom_guests)" ;;
        3) if [ "$verb" = attach ]; then _drvdom_words $'disk\nvif'
           else _drvdom_words "$(_drvdom_devices "$prev")"; fi ;;
        4) [ "$verb" != media ] || _drvdom_words $'insert\neject' ;;
        esac
        ;;
    latency:*/*)
        guest=${cur%%/*}
        _drvdom_words "$(_drvdom_devices "$guest" | sed "s|^|$guest/|")"
        ;;
    latency:* | show:* | top:* | limits:*)
        _drvdom_words "$({ _drvdom_domains; _drvdom_guests; } | sort -u)"
        ;;
    start:* | stop:* | restart:* | wait:* | upgrade:* | replace:*)
        _drvdom_words "$(_drvdom_domains | sort -u)"
        ;;
    lint:* | image:*)
        [ "$verb" = image ] && [ "$COMP_CWORD" = 2 ] && _drvdom_words $'build\nshow' && return
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    esac
}
complete -F _drvdom drvdom
