# Holds cron files and systemd timers back, puts them back, or tells how they are.
# $1 is `state`, `hold` or `put-back`, $2 the folder of systemd's units. The others are what is held back: a path is a cron
# file, anything else a timer. Each order may be given again at any time.
verb=$1 units=$2
shift 2

# A cron file is renamed in its own folder. cron reads no file whose name begins with a dot, and the file cannot be lost.
held_name() { echo "${1%/*}/.${1##*/}.held-by-cutover"; }

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# Gives a file a name that no other has.
keep() {
    number=1
    while exists "$1.$number"; do number=$((number + 1)); done
    mv "$1" "$1.$number"
}

state_of_file() {
    if exists "$1"; then echo "not-held $1"
    elif exists "$(held_name "$1")"; then echo "held $1"
    else echo "missing $1"
    fi
}

hold_file() {
    exists "$1" || return 0
    held=$(held_name "$1")
    # If something has written the file again, both are kept, and the new one is the one that is put back.
    if exists "$held"; then keep "$held"; fi
    mv "$1" "$held"
    sync "${1%/*}" 2>/dev/null || sync
}

put_file_back() {
    held=$(held_name "$1")
    exists "$held" || return 0
    if exists "$1"; then keep "$held"; else mv "$held" "$1"; fi
    sync "${1%/*}" 2>/dev/null || sync
}

# A timer gets a condition that is never true, which outlives a restart of the host. While it is taken away, it has
# another name, so that whether the timer was active is known until it is active again.
condition() { echo "$units/$1.d/cutover-hold.conf"; }

property() { systemctl show -p "$1" "$2" 2>/dev/null | sed -n "s/^$1=//p"; }

state_of_timer() {
    service=$(property Unit "$1")
    if [ "$(property LoadState "$1")" != loaded ]; then echo "missing $1"
    elif [ -e "$(condition "$1").ending" ]; then echo "held $1"
    elif [ ! -e "$(condition "$1")" ] || [ "$(property ActiveState "$1")" = active ]; then echo "not-held $1"
    else
        # What it has started goes on.
        case $(property ActiveState "${service:-$1}") in
        active | activating | deactivating | reloading) echo "busy:$service $1" ;;
        *) echo "held $1" ;;
        esac
    fi
}

hold_timer() {
    held=$(condition "$1")
    if [ -e "$held.ending" ]; then mv "$held.ending" "$held"; fi
    if [ ! -e "$held" ]; then
        # On a full disk nothing is held, and nothing is left half written.
        mkdir -p "${held%/*}" || return 1
        printf '# cutover holds this timer back. It was %s.\n[Unit]\nConditionPathExists=!/\n' \
            "$(property ActiveState "$1")" >"$held.new" || { rm -f "$held.new"; return 1; }
        mv "$held.new" "$held"
        sync "$held" 2>/dev/null || sync
    fi
    systemctl daemon-reload
    systemctl stop "$1"
}

put_timer_back() {
    held=$(condition "$1")
    if [ -e "$held" ]; then mv "$held" "$held.ending"; fi
    [ -e "$held.ending" ] || return 0
    systemctl daemon-reload
    if grep -q 'It was active\.' "$held.ending"; then systemctl start "$1" || return 1; fi
    rm -f "$held.ending"
    rmdir "${held%/*}" 2>/dev/null || true
}

for item in "$@"; do
    case $verb:$item in
    state:/*) state_of_file "$item" ;;
    state:*) state_of_timer "$item" ;;
    hold:/*) hold_file "$item" ;;
    hold:*) hold_timer "$item" ;;
    put-back:/*) put_file_back "$item" ;;
    put-back:*) put_timer_back "$item" ;;
    esac
done
if [ "$verb" = state ]; then echo end; fi
