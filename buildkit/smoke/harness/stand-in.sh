#!/bin/sh
# Stands in for dvdcli: notes every call, prints a mountpoint, mounts nothing.
#
# The folder this script lies in is its whole world:
#   calls                        one line per call, the arguments joined by '|'
#   fail-mount-NAME              mounting NAME fails with what the file says; fail-unmount-NAME too
#   print-NAME                   mounting NAME prints the file's content instead of a mountpoint
#   hang-mount-NAME              mounting NAME never ends; the file "hanging" has its process ID
#   block-mount-NAME             mounting NAME waits until the file "go" is there
#   mnt/DRIVER/NAME              the mountpoint that is printed

here=${0%/*}
action=$1
driver=
name=
line=
for argument in "$@"; do
  line="$line|$argument"
  case $argument in
    --volumedriver=*) driver=${argument#--volumedriver=} ;;
    --volumename=*) name=${argument#--volumename=} ;;
  esac
done

# One short write to a file opened for appending: calls made at once do not mix.
printf '%s\n' "${line#|}" >> "$here/calls"

if [ -e "$here/fail-$action-$name" ]; then
  cat "$here/fail-$action-$name" >&2
  exit 1
fi

[ "$action" = mount ] || exit 0

if [ -e "$here/hang-mount-$name" ]; then
  echo $$ > "$here/hanging"
  exec sleep 30
fi

if [ -e "$here/block-mount-$name" ]; then
  turns=0
  until [ -e "$here/go" ] || [ $turns -ge 200 ]; do
    sleep 0.05
    turns=$((turns + 1))
  done
fi

if [ -e "$here/print-$name" ]; then
  cat "$here/print-$name"
  exit 0
fi

mountpoint=$here/mnt/$driver/$name
[ -d "$mountpoint" ] || mkdir -p "$mountpoint"
printf '%s\n' "$mountpoint"
