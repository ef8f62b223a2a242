#!/bin/sh
# The client of MariaDB, with the libraries of its own system.
servers=/opt/servers
exec env LD_LIBRARY_PATH="$(echo "$servers"/usr/lib/*-linux-gnu)" "$servers/usr/bin/mariadb" "$@"
