#!/bin/sh
# /usr/local/bin/coatcheck beside coatcheck.service: the command line with the service's settings, as its user. The audit
# trail names whoever calls it.
if env | grep -q '^COATCHECK_'; then
    echo 'error: COATCHECK_… variables are not heeded here: the settings are in /etc/coatcheck/environment' >&2
    exit 2
fi
exec sudo -u coatcheck -- sh -c '
    set -a
    . /etc/coatcheck/environment
    LOGNAME=$SUDO_USER
    exec /opt/coatcheck/bin/coatcheck "$@"
' coatcheck "$@"
