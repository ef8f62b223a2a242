# Keeps one build: runs Packer, writes what it prints, and records how it ended.
#
#   setsid --fork sh -c KEEPER cutover-keeper JOB PIECE DIRECTORY PACKER ARGUMENT... <JOB/lock
#
# It prints `began` once its beginning is on record. PIECE is how many bytes of output are in one file: when the fifth begins, the
# second is removed, so that the first and the last ones stay. It needs a POSIX shell, coreutils and util-linux, and no root.
set -u
# Packer gets the operator's own, and the same environment.
mask=$(umask)
umask 077

# The lock is on this descriptor, here and in everything that is started here.
exec 9<&0 </dev/null
job=$1 piece=$2 directory=$3
shift 3
cd "$job" || exit

# An interrupt is for Packer, which cleans up. The keeper has to record its end, and the writer its last words.
trap : INT TERM
: >open && : >began || exit
sync .
# Whoever started this may be gone.
(trap '' PIPE; echo began)
exec >/dev/null 2>&1

# Copies its input to the files of output.
keep() {
    trap '' INT TERM
    # Packer must be able to go on, whatever becomes of its output.
    SHELL=/bin/sh split --bytes="$piece" --numeric-suffixes=100000 --suffix-length=6 --filter='
        cat >"$FILE" || cat >/dev/null
        number=${FILE##*.}
        [ "$number" -lt 100003 ] || rm -f "output.$((number - 2))"' - output. || cat >/dev/null
}
{
    trap : INT TERM
    (umask "$mask" && cd "$directory" && exec "$@") 2>&1
    mv open "ended.$?"
} | keep
sync .
for ended in ended.*; do mv "$ended" "exit.${ended#ended.}"; done
