#!/bin/sh
# Makes the users of /run/secrets/samba-users, a line `name:password` for each, and becomes smbd.
set -eu
while IFS=: read -r name password; do
    [ -n "$name" ] || continue
    id "$name" >/dev/null 2>&1 || useradd --no-create-home --shell /usr/sbin/nologin --groups mattingd "$name"
    printf '%s\n%s\n' "$password" "$password" | smbpasswd -s -a "$name" >/dev/null
done </run/secrets/samba-users
exec smbd --foreground --no-process-group --debug-stdout "$@"
