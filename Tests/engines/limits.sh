#!/bin/bash
# The cases of Tests/engines/limits, inside a virtual machine: limits.sh v2|v1|hybrid, from the repository. A case prints "ok" or
# "FAILED" with its sentence, and the last line is "N passed, N failed". A shell, because Python takes half a minute to start here.
set -u
layout=$1
bin=$PWD/build/bin
socket=/run/berth/berth.sock
top=/sys/fs/cgroup
image=berth/busybox
passed=0 failed=0
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

berth() { timeout 60 "$bin/berth" -H "unix://$socket" "$@"; }
# A container without a network, which these cases do not need.
launch() { berth run -d --network none "$@"; }
field() { berth inspect --format "$2" "$1"; }

# file CONTROLLER V1 V2 GROUP: where that limit of a group is; either name may be - for none.
file() {
    if [ "$layout" = v2 ]; then echo "$top$4/$3"; else echo "$top/$1$4/$2"; fi
}
is() { [ "$2" = "$3" ] || { echo "$1 is \"$2\", not \"$3\""; return 1; }; }
has() { case $2 in *"$3"*) ;; *) echo "$1 does not have \"$3\":"; echo "$2"; return 1 ;; esac; }
# refused CODE WORDS COMMAND...: the command ends with that code and says these words.
refused() {
    local code=$1 words=$2 said rc=0
    shift 2
    said=$("$@" 2>&1) || rc=$?
    is "the exit code of $* ($said)" "$rc" "$code" && has "what $* said" "$said" "$words"
}
# within SECONDS COMMAND...: it is true by then.
within() {
    local tenths=$(($1 * 10))
    shift
    for ((i = 0; i < tenths; i++)); do "$@" && return; sleep 0.1; done
    echo "not in time: $*"
    return 1
}
# limit CONTROLLER V1 V2 GROUP VALUE
limit() { is "$(file "$1" "$2" "$3" "$4")" "$(cat "$(file "$1" "$2" "$3" "$4")")" "$5"; }

case_() {
    local begin end rc
    begin=$(cut -d. -f1 /proc/uptime)
    (
        set -eE
        exec 9>&1
        trap 'echo "at line $LINENO: $BASH_COMMAND" >&9' ERR
        "$2"
    ) >/run/said 2>&1 </dev/null
    rc=$?
    end=$(cut -d. -f1 /proc/uptime)
    if [ $rc = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $1 ($((end - begin)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $1 ($((end - begin)) s)"
        tail -n 40 /run/said | sed 's/^/  | /'
    fi
}

# start_daemon GROUP: in that group of every hierarchy, with places of its own below the socket's folder.
start_daemon() {
    local run=${socket%/*}
    mkdir -p "$run"
    (
        [ -z "${1:-}" ] || echo 0 >"$top$1/cgroup.procs" || exit 1
        exec "$bin/berth" daemon -H "unix://$socket" --root "$run-data" --run "$run" >>"$run/daemon.log" 2>&1 </dev/null
    ) &
    within 20 test -S "$socket" || { cat "$run/daemon.log"; return 1; }
}

# ---- what the daemon meets

v2_without_controllers() {
    # As a kernel without systemd has it: nothing is passed on yet.
    local word
    for word in $(cat $top/cgroup.subtree_control); do echo "-$word" >$top/cgroup.subtree_control; done
    is subtree_control "$(cat $top/cgroup.subtree_control)" ""
}

limits() {
    launch --name main -m 64m --memory-reservation 32m --memory-swap 96m --cpus 0.5 --cpu-shares 512 --pids-limit 20 \
        --cpuset-cpus 0 --cpuset-mems 0 --device-write-bps /dev/loop0:1mb $image sleep 1000
    local group
    group=/berth/$(field main '{{.Id}}')
    if [ "$layout" = v2 ]; then
        limit - - memory.swap.max "$group" $((32 << 20))
        limit - - memory.low "$group" $((32 << 20))
        limit - - cpu.max "$group" "50000 100000"
        limit - - cpu.weight "$group" 20
        limit - - io.max "$group" "7:0 rbps=max wbps=1048576 riops=max wiops=max"
    else
        limit memory memory.memsw.limit_in_bytes - "$group" $((96 << 20))
        limit memory memory.soft_limit_in_bytes - "$group" $((32 << 20))
        limit cpu cpu.cfs_quota_us - "$group" 50000
        limit cpu cpu.cfs_period_us - "$group" 100000
        limit cpu cpu.shares - "$group" 512
        limit blkio blkio.throttle.write_bps_device - "$group" "7:0 1048576"
    fi
    limit memory memory.limit_in_bytes memory.max "$group" $((64 << 20))
    limit pids pids.max pids.max "$group" 20
    limit cpuset cpuset.cpus cpuset.cpus "$group" 0
    limit cpuset cpuset.mems cpuset.mems "$group" 0
    local pid
    pid=$(field main '{{.State.Pid}}')
    if [ "$layout" = v2 ]; then
        is "its group" "$(cat "/proc/$pid/cgroup")" "0::$group"
    else
        is "its group of memory" "$(grep :memory: "/proc/$pid/cgroup" | cut -d: -f3)" "$group"
    fi
}

effective() {
    local text id
    id=$(field main '{{.Id}}')
    text=$(field main '{{json .Berth.EffectiveLimits}}')
    has "inspect" "$text" '"Resource":"memory","Value":67108864,"Text":"64 MiB","Cgroup":"/berth/'"$id"'"'
    has "inspect" "$text" '"Resource":"memoryAndSwap","Value":100663296,'
    has "inspect" "$text" '"Resource":"cpu","Value":500,"Text":"0.5 CPU"'
    has "inspect" "$text" '"Resource":"cpus","Value":1,"Text":"CPUs 0"'
    has "inspect" "$text" '"Resource":"pids","Value":20,"Text":"20 processes"'
}

inside() {
    # Its own group is the root of what it sees, and it cannot change its limits.
    is "/proc/self/cgroup" "$(berth exec main cut -d: -f3- /proc/self/cgroup | sort -u)" /
    local seen
    if [ "$layout" = v2 ]; then seen=/sys/fs/cgroup/memory.max; else seen=/sys/fs/cgroup/memory/memory.limit_in_bytes; fi
    is "$seen inside" "$(berth exec main cat $seen)" $((64 << 20))
    refused 1 "ead-only" berth exec main sh -c "echo 1000000000 >$seen"
    has "--cgroupns host" "$(berth run --rm --network none --cgroupns host $image cat /proc/self/cgroup)" :/berth/
}

devices() {
    local out
    out=$(berth exec main sh -c 'echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c
        mknod /run/loop b 7 0; mknod /run/port c 1 4; cat /run/loop; cat /run/port' 2>&1) || true
    is "opening devices" "$out" "4
4
cat: can't open '/run/loop': Operation not permitted
cat: can't open '/run/port': Operation not permitted"
    is "a device for reading" "$(berth run --rm --network none --device /dev/loop0:/dev/loop0:r $image sh -c \
        'head -c 1 /dev/loop0 >/dev/null && echo read; exec 2>&1; echo x >/dev/loop0; echo x >/dev/null && echo null')" "read
sh: can't create /dev/loop0: Operation not permitted
null"
    is "--privileged" "$(berth run --rm --network none --privileged $image sh -c \
        'mknod /run/loop b 7 0; head -c 1 /run/loop >/dev/null && echo all')" all
    is "--device-cgroup-rule" "$(berth run --rm --network none --device-cgroup-rule 'b 7:* rm' $image sh -c \
        'exec 2>&1; mknod /run/loop b 7 1; cat /run/loop && echo rule; echo x >/run/loop || true')" "rule
sh: can't create /run/loop: Operation not permitted"
}

usage() {
    local out
    out=$(berth stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' main)
    has "stats" "$out" "/ 64MiB 1"
    case $out in "main 0B"*) echo "stats counts no memory: $out"; return 1 ;; esac
    has "top" "$(berth top main)" "sleep 1000"
    # 0.5 of a processor are not enough for a loop.
    local group stat
    group=/berth/$(field main '{{.Id}}')
    stat=$(file cpu cpu.stat cpu.stat "$group")
    berth exec main timeout 2 sh -c 'while :; do :; done' || true
    [ "$(sed -n 's/^nr_throttled //p' "$stat")" -gt 2 ] || { cat "$stat"; return 1; }
}

updates() {
    local group
    group=/berth/$(field main '{{.Id}}')
    berth update -m 80m --memory-swap 160m --cpus 1.5 --cpu-shares 2048 --pids-limit 30 --cpuset-cpus 0-1 main
    limit memory memory.limit_in_bytes memory.max "$group" $((80 << 20))
    limit pids pids.max pids.max "$group" 30
    limit cpuset cpuset.cpus cpuset.cpus "$group" 0-1
    if [ "$layout" = v2 ]; then
        limit - - memory.swap.max "$group" $((80 << 20))
        limit - - cpu.max "$group" "150000 100000"
        limit - - cpu.weight "$group" 79
    else
        limit memory memory.memsw.limit_in_bytes - "$group" $((160 << 20))
        limit cpu cpu.cfs_quota_us - "$group" 150000
        limit cpu cpu.shares - "$group" 2048
    fi
    has "inspect" "$(field main '{{json .Berth.EffectiveLimits}}')" '"Text":"80 MiB"'
    # Down again in one call, which wants the other order.
    berth update -m 40m --memory-swap 60m main
    limit memory memory.limit_in_bytes memory.max "$group" $((40 << 20))
    # What the kernel refuses changes nothing.
    refused 1 "0-1" berth update -m 50m --cpuset-cpus 0-63 main
    limit memory memory.limit_in_bytes memory.max "$group" $((40 << 20))
    is "inspect's Memory" "$(field main '{{.HostConfig.Memory}}')" $((40 << 20))
    # The rules for devices are as they were.
    refused 1 "not permitted" berth exec main cat /run/loop
}

pauses() {
    local group pid frozen
    group=/berth/$(field main '{{.Id}}')
    berth pause main
    is "the state" "$(field main '{{.State.Status}}')" paused
    if [ "$layout" = v2 ]; then frozen=$(grep frozen "$top$group/cgroup.events"); else frozen=$(cat "$top/freezer$group/freezer.state"); fi
    has "the freezer" "$frozen" "$([ "$layout" = v2 ] && echo "frozen 1" || echo FROZEN)"
    berth unpause main
    is "exec after unpause" "$(timeout 30 "$bin/berth" -H "unix://$socket" exec main echo on)" on
    launch --name still $image sleep 1000
    berth pause still
    timeout 30 "$bin/berth" -H "unix://$socket" rm -f still
}

killed() {
    # A daemon that starts anew finds it; then it ends by a signal, and by nothing else.
    kill -9 "$(cat /run/berth/berth.pid)"
    rm -f $socket
    start_daemon
    has "inspect after a new start" "$(field main '{{json .Berth.EffectiveLimits}}')" '"Text":"40 MiB"'
    has "stats after a new start" "$(berth stats --no-stream --format '{{.MemUsage}}' main)" "/ 40MiB"
    kill -9 "$(field main '{{.State.Pid}}')"
    is "wait" "$(berth wait main)" 137
    is "the end by kill -9" "$(field main '{{.State.ExitCode}} {{.State.OOMKilled}}')" "137 false"
}

out_of_memory() {
    refused 137 memory berth run --name oom --network none -m 24m $image dd if=/dev/zero of=/dev/null bs=96M count=1
    is "the end by the kernel" "$(field oom '{{.State.ExitCode}} {{.State.OOMKilled}}')" "137 true"
}

fork_bomb() {
    launch --name bomb --pids-limit 12 --cpus 0.5 $image sh -c 'b() { b | b & }; b; sleep 1000'
    local group events
    group=/berth/$(field bomb '{{.Id}}')
    events=$(file pids pids.events pids.events "$group")
    within 20 grep -Eqv ' 0$' "$events"
    local now
    now=$(cat "$(file pids pids.current pids.current "$group")")
    [ "$now" -le 12 ] || { echo "$now processes"; return 1; }
    berth rm -f bomb
    [ ! -e "$events" ]
}

nested() {
    # What a group above has counts, and is told.
    local group=/pods memory pids
    memory=$(file memory memory.limit_in_bytes memory.max $group)
    pids=$(file pids pids.max pids.max $group)
    mkdir -p "${memory%/*}" "${pids%/*}"
    [ "$layout" != v2 ] || grep -q memory $top/cgroup.subtree_control
    echo $((48 << 20)) >"$memory"
    echo 10 >"$pids"
    local said
    said=$(launch --name nested --cgroup-parent /pods -m 64m --pids-limit 50 $image sleep 1000 2>&1)
    has "run" "$said" "memory 64 MiB is asked for, but /pods has 48 MiB"
    has "run" "$said" "50 processes is asked for, but /pods has 10 processes"
    limit memory memory.limit_in_bytes memory.max "/pods/$(field nested '{{.Id}}')" $((64 << 20))
    said=$(field nested '{{json .Berth.EffectiveLimits}}')
    has "inspect" "$said" '"Text":"48 MiB","Cgroup":"/pods"'
    has "inspect" "$said" '"Text":"10 processes","Cgroup":"/pods"'
    has "update" "$(berth update -m 100m --memory-swap 200m nested 2>&1)" "memory 100 MiB is asked for, but /pods has 48 MiB"
    # Whose limit it was does not matter to who is killed.
    refused 137 "" berth exec nested dd if=/dev/zero of=/dev/null bs=90M count=1
    berth rm -f nested
    rmdir "${memory%/*}"
    [ ! -e "${pids%/*}" ] || rmdir "${pids%/*}"
}

weight() {
    # BFQ has weights of its own; without it v2 has iocost's, and v1 none.
    local said
    if [ "$layout" = v2 ] || modprobe bfq; then
        launch --name weight --blkio-weight 300 $image sleep 1000
        local group
        group=/berth/$(field weight '{{.Id}}')
        if [ "$layout" != v2 ]; then
            limit blkio blkio.bfq.weight - "$group" 300
        elif [ -e "$top$group/io.bfq.weight" ]; then
            limit - - io.bfq.weight "$group" "default 300"
        else
            limit - - io.weight "$group" "default 2930"
        fi
        berth update --blkio-weight 500 weight
        berth rm -f weight
    else
        refused 125 "no weights" launch --blkio-weight 300 $image true
    fi
}

bundle() {
    local dir=/run/bundle
    mkdir -p $dir/rootfs/bin $dir/rootfs/proc $dir/rootfs/dev $dir/rootfs/sys
    cp /bin/busybox $dir/rootfs/bin
    chroot $dir/rootfs /bin/busybox --install -s /bin
    (cd $dir && "$bin/berth-oci" spec)
    sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' \
        -e 's|"resources": {|"cgroupsPath": "/plain/one", "resources": {"memory": {"limit": 33554432}, "pids": {"limit": 9}, "cpu": {"shares": 512, "quota": 20000, "period": 100000},|' \
        $dir/config.json
    oci() { timeout 60 "$bin/berth-oci" --root /run/oci "$@"; }
    oci run -d --bundle $dir one </dev/null >/dev/null 2>&1
    limit memory memory.limit_in_bytes memory.max /plain/one 33554432
    limit pids pids.max pids.max /plain/one 9
    oci update --memory 40m --pids-limit 11 one
    limit memory memory.limit_in_bytes memory.max /plain/one $((40 << 20))
    limit pids pids.max pids.max /plain/one 11
    is "exec's group" "$(oci exec one cut -d: -f3- /proc/self/cgroup | sort -u)" /
    refused 1 "not permitted" oci exec one sh -c 'mknod /dev/loop b 7 0; cat /dev/loop'
    oci pause one
    has "state" "$(oci state one)" '"paused"'
    oci resume one
    oci delete -f one
    is "what is left of it" "$(find $top -path '*/plain/one*')" ""
}

published() {
    ip netns add outside
    ip link add wan0 type veth peer name eth0 netns outside
    ip address add 192.0.2.1/24 dev wan0
    ip link set wan0 up
    ip -n outside address add 192.0.2.2/24 dev eth0
    ip -n outside link set eth0 up
    berth run -d --name web -p 8080:80 -m 64m $image sh -c 'echo page of web >/var/www/index.html; exec httpd -f -p 80'
    local address
    for address in 192.0.2.1 127.0.0.1; do
        local enter="ip netns exec outside"
        [ $address != 127.0.0.1 ] || enter=
        within 10 $enter timeout 5 bash -c "exec 3<>/dev/tcp/$address/8080; printf 'GET / HTTP/1.0\r\n\r\n' >&3; grep -q 'page of web' <&3"
    done
    berth rm -f web
    is "links of containers" "$(ip -o link | grep -c veth || true)" 0
}

# ---- where the daemon itself is, in v2

v2_left_out() {
    local said
    said=$(berth run --rm --network none --oom-kill-disable --memory-swappiness 10 -m 32m $image echo runs 2>&1)
    has "run" "$said" "OomKillDisable is left out"
    has "run" "$said" "MemorySwappiness is left out"
    has "run" "$said" runs
}

v2_divided() {
    # As systemd or an engine in a container does: its processes in a leaf, and limits passed on to others.
    launch --name divided --privileged -m 64m $image sh -c 'cd /sys/fs/cgroup; mkdir init two; echo 1 >init/cgroup.procs
        echo +memory +pids >cgroup.subtree_control; sleep 1000 & echo $! >two/cgroup.procs; echo 20000000 >two/memory.max; wait'
    local group
    group=$top/berth/$(field divided '{{.Id}}')
    within 10 grep -q 1999 "$group/two/memory.max"
    is "exec's group" "$(berth exec divided cat /proc/self/cgroup)" 0::/init
    is "stats" "$(berth stats --no-stream --format '{{.PIDs}}' divided)" 2
    has "top" "$(berth top divided)" "sleep 1000"
    berth pause divided
    grep -q "frozen 1" "$group/two/cgroup.events"
    berth unpause divided
    berth update -m 70m --memory-swap 140m divided
    is "memory.max" "$(cat "$group/memory.max")" $((70 << 20))
    berth rm -f divided
    [ ! -e "$group" ]
}

v2_busy_parent() {
    mkdir $top/busy
    sleep 1000 &
    local pid=$!
    echo $pid >$top/busy/cgroup.procs
    local rc=0
    refused 125 "/busy" launch --name refused --cgroup-parent /busy -m 32m $image true || rc=1
    is "groups in /busy" "$(find $top/busy -mindepth 1 -type d)" "" || rc=1
    berth rm -f refused
    kill -9 $pid
    within 5 rmdir $top/busy
    return $rc
}

v2_delegated() {
    # As systemd starts a service with Delegate=yes: its process in the group that it has to keep free.
    local service=/system.slice/berth.service
    mkdir -p $top$service
    echo "+memory +pids +cpu" >$top/system.slice/cgroup.subtree_control
    perl -e 'my ($path, $name, $value) = (@ARGV, "user.delegate", "1"); exit(syscall(188, $path, $name, $value, 1, 0) != 0)' $top$service
    refused 125 "delegated" launch --name other --cgroup-parent $service $image true
    berth rm -f other
    socket=/run/service/berth.sock
    start_daemon $service
    berth load -i build/images/busybox.tar
    launch --name one --cgroup-parent $service -m 32m $image sleep 1000
    launch --name two --cgroup-parent $service --pids-limit 5 $image sleep 1000
    limit - - memory.max "$service/$(field one '{{.Id}}')" $((32 << 20))
    limit - - pids.max "$service/$(field two '{{.Id}}')" 5
    is "the service's own processes" "$(cat $top$service/cgroup.procs)" ""
    has "the daemon's group" "$(cat "/proc/$(cat /run/service/berth.pid)/cgroup")" "$service/berth-host"
    berth rm -f one two
    kill "$(cat /run/service/berth.pid)"
    within 10 rmdir $top$service/berth-host
    rmdir $top$service $top/system.slice
}

v2_namespaced() {
    # As in a container of another engine: its group is the root that it sees, and has processes.
    mkdir $top/outer
    echo $((512 << 20)) >$top/outer/memory.max
    socket=/run/inner/berth.sock
    mkdir -p /run/inner
    (
        echo 0 >$top/outer/cgroup.procs
        exec unshare -C -m sh -c "umount -l $top; mount -t cgroup2 -o nsdelegate cgroup2 $top
            exec $bin/berth daemon -H unix://$socket --root /run/inner-data --run /run/inner >>/run/inner/daemon.log 2>&1 </dev/null"
    ) &
    within 20 test -S $socket
    berth load -i build/images/busybox.tar
    launch --name one -m 32m --pids-limit 5 $image sleep 1000
    local id
    id=$(field one '{{.Id}}')
    limit - - memory.max "/outer/berth/$id" $((32 << 20))
    is "its own group" "$(berth exec one cat /proc/self/cgroup)" 0::/
    has "the daemon's group" "$(cat "/proc/$(cat /run/inner/berth.pid)/cgroup")" /outer/berth-host
    berth rm -f one
    kill "$(cat /run/inner/berth.pid)"
    within 10 rmdir $top/outer/berth-host
    rmdir $top/outer/berth $top/outer
}

nothing_left() {
    local ids
    ids=$(berth ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth rm -f $ids
    kill "$(cat /run/berth/berth.pid)"
    is "groups" "$(find $top -mindepth 2 -type d -path '*berth/*')" ""
    is "mounts" "$(grep -E ' /run/(berth|service|inner)(-data/containers|/netns)/' /proc/mounts || true)" ""
    is "shims" "$(ps -e -o args | grep '[b]erth-shim' || true)" ""
}

modprobe loop
truncate -s 4M /run/disk
losetup /dev/loop0 /run/disk
[ "$layout" != v2 ] || case_ "a host that passes no controller on yet" v2_without_controllers
case_ "the daemon comes up" start_daemon
berth load -i build/images/busybox.tar >/dev/null
case_ "run: every limit stands in the group of the container" limits
case_ "inspect: the limits that hold, and whose they are" effective
case_ "a container sees its own group as the root, and cannot change it" inside
case_ "devices: what is not allowed is not opened" devices
case_ "stats, top, and a processor that is not whole" usage
case_ "update: limits change while it runs, all or none" updates
case_ "pause, unpause, and rm -f of what is paused" pauses
case_ "kill -9 is no end for want of memory, after a new start of the daemon too" killed
case_ "an end for want of memory is told" out_of_memory
case_ "a fork bomb stays within its limit, and is removed" fork_bomb
case_ "a child that asks for more than its parent has is told" nested
case_ "weights of block devices" weight
case_ "berth-oci: a plain bundle with limits" bundle
case_ "a published port answers" published
if [ "$layout" = v2 ]; then
    case_ "what v2 has nothing for is left out, and told" v2_left_out
    case_ "a container that divides its group: exec, stats, pause, update, rm" v2_divided
    case_ "a parent with processes is an error that names it" v2_busy_parent
    case_ "a service with Delegate=yes: the daemon makes way in its own group" v2_delegated
    case_ "in a cgroup namespace: the daemon makes way in the root that it sees" v2_namespaced
fi
case_ "nothing is left" nothing_left
echo "$passed passed, $failed failed"
[ $failed = 0 ]
