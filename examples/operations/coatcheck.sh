#!/bin/sh
# /usr/local/bin/coatcheck beside coatcheck.service: the command line with the service's settings, as its user. The audit
# trail names whoever calls it.
exec sudo -u coatcheck -- sh -c '
    set -a
    . /etc/coatcheck/environment
    LOGNAME=$SUDO_USER
    exec /opt/coatcheck/bin/coatcheck "$@"
' coatcheck "$@"
