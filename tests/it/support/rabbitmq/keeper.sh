#!/bin/sh
# Runs RabbitMQ as it is told on standard input, one word per line: `start`, `kill`. At the end of
# the input, which comes at the latest with the end of the tests, everything is killed and the
# directory is removed. Each program is the leader of its own session, so that what it starts goes
# with it.
#
#   keeper.sh DIRECTORY EPMD_PORT EPMD PROGRAM
directory=$1 epmd_port=$2 epmd=$3 program=$4
node=

kill_node() {
    if [ -n "$node" ]; then
        kill -KILL "-$node"
        wait "$node"
        node=
    fi
} 2>/dev/null

# Its own, because one that is shared would outlive the tests.
setsid "$epmd" -port "$epmd_port" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
mapper=$!

while read -r order; do
    case $order in
    start)
        setsid "$program" </dev/null >>"$directory/log" 2>&1 &
        node=$!
        ;;
    kill) kill_node ;;
    esac
    echo "$order"
done
kill_node
kill -KILL "-$mapper" 2>/dev/null
rm -rf "$directory"
