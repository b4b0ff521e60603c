#!/bin/sh
# Copy the claim batches that OpenEMR has finished into the drop folder of `scrubber watch`, each batch once:
#
#   hand_over.sh EDI INBOX HANDED
#
# EDI is where OpenEMR writes (sites/SITE/documents/edi) and is only read.  HANDED keeps the digest of each batch that was
# handed over; it and INBOX are made, for this user only.  Meant for cron.  Ends with 1 where a batch has changed since it
# was handed over, which then has to be looked at by somebody.
set -euf
umask 077
IFS='
' # names may have blanks in them
edi=$1
inbox=$2
handed=$3
mkdir -p "$inbox" "$handed"
exec 9>"$handed/.lock"
flock -n 9 || exit 0 # the run before this one is still at it
changed=0
# OpenEMR writes under the final name, so a batch counts as finished when it has not been touched for a whole minute.
batches=$(find "$edi" -maxdepth 1 -type f -name '*-batch*.txt' -mmin +1 -exec basename {} \;)
for batch in $batches; do
  # CMS-1500 forms as text get such names too.
  beginning=$(head -c 3 "$edi/$batch")
  test "$beginning" = ISA || continue
  digest=$(sha256sum <"$edi/$batch")
  part=$inbox/.$batch.part # the dot keeps the watcher away
  if test ! -e "$handed/$batch"; then
    cp "$edi/$batch" "$part"
    echo "$digest" >"$handed/.$batch"
    mv "$handed/.$batch" "$handed/$batch"
  elif test "$digest" != "$(cat "$handed/$batch")"; then
    echo "hand_over: $batch has changed since it was handed over" >&2
    changed=1
  fi
  # Noted first and renamed then: a run that was killed in between is made good here, and nothing is handed over twice.
  test ! -e "$part" || mv "$part" "$inbox/$batch"
done
exit "$changed"
