#if Daemon
    import ArgumentParser

    /// What `run` and `create` take before the image, in docker's spelling.
    struct ContainerOptions: ParsableArguments {
        @Option(name: .long, parsing: .unconditional, help: "The container's name.")
        var name: String?
        @Flag(name: [.short, .long], help: "Standard input stays open.")
        var interactive = false
        @Flag(name: [.short, .long], help: "The container has a terminal.")
        var tty = false
        @Flag(name: .customLong("rm"), help: "The container is removed when it has ended.")
        var remove = false
        @Option(name: .long, help: "A file that gets the container's id.")
        var cidfile: String?

        @OptionGroup(title: "Network") var network: NetworkOptions
        @OptionGroup(title: "Files") var files: FileOptions
        @OptionGroup(title: "Process") var process: ProcessOptions
        @OptionGroup(title: "Rights") var rights: RightsOptions
        @OptionGroup(title: "Resources") var resources: ResourceOptions
    }

    struct NetworkOptions: ParsableArguments {
        @Option(
            name: [.customLong("network"), .customLong("net")],
            help: "bridge, host, none, container:NAME, or a network's name.")
        var network: String?
        @Option(
            name: [.customShort("p", allowingJoined: true), .customLong("publish")], parsing: .unconditionalSingleValue,
            help: ArgumentHelp(
                "A port of the host that leads to the container: [ip:][host:]container[/proto].", valueName: "port"))
        var publish: [String] = []
        @Flag(
            name: [.customShort("P"), .customLong("publish-all")],
            help: "Every port that the image exposes is published.")
        var publishAll = false
        @Option(name: .long, parsing: .unconditionalSingleValue, help: "A port that the container serves.")
        var expose: [String] = []
        @Option(name: .long, help: "The container's IPv4 address.")
        var ip: String?
        @Option(name: .long, help: "The container's IPv6 address.")
        var ip6: String?
        @Option(name: .customLong("mac-address"), help: "The container's hardware address.")
        var macAddress: String?
        @Option(
            name: [.customLong("network-alias"), .customLong("net-alias")], parsing: .unconditionalSingleValue,
            help: "A further name on its network.")
        var alias: [String] = []
        @Option(name: .long, parsing: .unconditionalSingleValue, help: "A name server.")
        var dns: [String] = []
        @Option(name: .customLong("dns-search"), parsing: .unconditionalSingleValue, help: "A search domain.")
        var dnsSearch: [String] = []
        @Option(
            name: [.customLong("dns-option"), .customLong("dns-opt")], parsing: .unconditionalSingleValue,
            help: "An option of the resolver.")
        var dnsOption: [String] = []
        @Option(
            name: .customLong("add-host"), parsing: .unconditionalSingleValue,
            help: "A line of /etc/hosts: name:address.")
        var addHost: [String] = []
        @Option(name: [.customShort("h"), .long], help: "The container's host name.")
        var hostname: String?
        @Option(name: .long, help: "The container's domain name.")
        var domainname: String?
        @Option(
            name: .long, parsing: .unconditionalSingleValue,
            help: "container:alias: its address under that name, on the standard network.")
        var link: [String] = []
    }

    struct FileOptions: ParsableArguments {
        @Option(
            name: [.customShort("v", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
            help: "A directory of the host or a volume: source:/path[:ro].")
        var volume: [String] = []
        @Option(
            name: .long, parsing: .unconditionalSingleValue, help: "type=bind|volume|tmpfs,source=…,target=…[,readonly]"
        )
        var mount: [String] = []
        @Option(name: .long, parsing: .unconditionalSingleValue, help: "A file system in memory: /path[:options].")
        var tmpfs: [String] = []
        @Option(
            name: .customLong("volumes-from"), parsing: .unconditionalSingleValue,
            help: "The volumes of that container.")
        var volumesFrom: [String] = []
        @Flag(name: .customLong("read-only"), help: "The container's root cannot be written.")
        var readOnly = false
        @Option(name: .customLong("shm-size"), help: "The size of /dev/shm.")
        var shmSize: String?
        @Option(name: .customLong("storage-opt"), parsing: .unconditionalSingleValue, help: "An option of the storage.")
        var storageOpt: [String] = []
    }

    struct ProcessOptions: ParsableArguments {
        @Option(
            name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
            help: "NAME=value, or NAME with the value it has here.")
        var env: [String] = []
        @Option(name: .customLong("env-file"), parsing: .unconditionalSingleValue, help: "A file of such lines.")
        var envFile: [String] = []
        @Option(name: [.short, .long], help: "The directory in which it starts.")
        var workdir: String?
        @Option(name: [.short, .long], help: "user[:group], by name or number.")
        var user: String?
        @Option(name: .customLong("group-add"), parsing: .unconditionalSingleValue, help: "A further group.")
        var groupAdd: [String] = []
        @Option(name: .long, parsing: .unconditional, help: "What is started, instead of the image's entry point.")
        var entrypoint: String?
        @Flag(name: .long, help: "A small init reaps the container's orphans.")
        var `init` = false
        @Option(name: .long, help: "no, always, unless-stopped or on-failure[:times].")
        var restart: String?
        @Option(name: .customLong("stop-signal"), help: "The signal that asks it to end.")
        var stopSignal: String?
        @Option(
            name: .customLong("stop-timeout"), parsing: .unconditional, help: "Seconds from that signal to SIGKILL.")
        var stopTimeout: Int64?
        @Option(name: [.short, .long], parsing: .unconditionalSingleValue, help: "name=value")
        var label: [String] = []
        @Option(name: .customLong("label-file"), parsing: .unconditionalSingleValue, help: "A file of labels.")
        var labelFile: [String] = []
        @Option(name: .customLong("log-driver"), help: "json-file or none.")
        var logDriver: String?
        @Option(name: .customLong("log-opt"), parsing: .unconditionalSingleValue, help: "max-size=10m, max-file=3")
        var logOpt: [String] = []
        @Option(
            name: .customLong("health-cmd"), parsing: .unconditional, help: "A command that tells whether it is well.")
        var healthCommand: String?
        @Option(name: .customLong("health-interval"), help: "From one such command to the next, as 30s.")
        var healthInterval: String?
        @Option(name: .customLong("health-timeout"), help: "How long one may take.")
        var healthTimeout: String?
        @Option(name: .customLong("health-start-period"), help: "How long failures do not count at first.")
        var healthStartPeriod: String?
        @Option(name: .customLong("health-start-interval"), help: "From one such command to the next in that time.")
        var healthStartInterval: String?
        @Option(name: .customLong("health-retries"), help: "Failures in a row that make it unhealthy.")
        var healthRetries: Int64?
        @Flag(name: .customLong("no-healthcheck"), help: "Not even the image's own.")
        var noHealthcheck = false
        @Option(
            name: .customLong("annotation"), parsing: .unconditionalSingleValue,
            help: "name=value, for the OCI runtime.")
        var annotation: [String] = []
        @Option(name: .long, help: "The OCI runtime.")
        var runtime: String?
    }

    struct RightsOptions: ParsableArguments {
        @Flag(name: .long, help: "All capabilities and devices, nothing masked: root on the host.")
        var privileged = false
        @Option(name: .customLong("cap-add"), parsing: .unconditionalSingleValue, help: "A capability more, or ALL.")
        var capAdd: [String] = []
        @Option(name: .customLong("cap-drop"), parsing: .unconditionalSingleValue, help: "A capability less, or ALL.")
        var capDrop: [String] = []
        @Option(
            name: .customLong("security-opt"), parsing: .unconditionalSingleValue,
            help: "seccomp=FILE, seccomp=unconfined, no-new-privileges")
        var securityOpt: [String] = []
        @Option(name: .long, parsing: .unconditionalSingleValue, help: "/dev/NAME[:/dev/NAME[:rwm]]")
        var device: [String] = []
        @Option(
            name: .customLong("device-cgroup-rule"), parsing: .unconditionalSingleValue, help: "As c 1:3 rwm.")
        var deviceCgroupRule: [String] = []
        @Option(
            name: .long, parsing: .unconditionalSingleValue,
            help: "A kernel parameter of the container's own: name=value.")
        var sysctl: [String] = []
        @Option(name: .long, help: "host (the host's users), or private (its own).")
        var userns: String?
        @Option(name: .long, help: "host, or container:NAME.")
        var pid: String?
        @Option(name: .long, help: "host, private, shareable, none, or container:NAME.")
        var ipc: String?
        @Option(name: .long, help: "host, or private.")
        var uts: String?
        @Option(name: .long, help: "host, or private.")
        var cgroupns: String?
    }

    struct ResourceOptions: ParsableArguments {
        @Option(name: [.customShort("m", allowingJoined: true), .long], help: "At most that much memory, as 256m.")
        var memory: String?
        @Option(
            name: .customLong("memory-swap"), parsing: .unconditional, help: "Memory and swap together; -1 for any.")
        var memorySwap: String?
        @Option(name: .customLong("memory-reservation"), help: "What it may keep when memory is short.")
        var memoryReservation: String?
        @Option(name: .customLong("memory-swappiness"), parsing: .unconditional, help: "0 to 100.")
        var memorySwappiness: Int64?
        @Flag(name: .customLong("oom-kill-disable"), help: "It waits instead of being killed when memory is used up.")
        var oomKillDisable = false
        @Option(name: .customLong("oom-score-adj"), parsing: .unconditional, help: "-1000 to 1000.")
        var oomScoreAdj: Int64?
        @Option(name: .long, help: "At most that many processors, as 1.5.")
        var cpus: String?
        @Option(
            name: [.customShort("c"), .customLong("cpu-shares")],
            help: "Its weight where processors are short: 1024 is usual.")
        var cpuShares: Int64?
        @Option(
            name: .customLong("cpu-quota"), parsing: .unconditional, help: "Microseconds of processor time a period.")
        var cpuQuota: Int64?
        @Option(name: .customLong("cpu-period"), help: "That period, in microseconds.")
        var cpuPeriod: Int64?
        @Option(name: .customLong("cpuset-cpus"), help: "Processors, as 0-3,5.")
        var cpusetCpus: String?
        @Option(name: .customLong("cpuset-mems"), help: "Memory nodes.")
        var cpusetMems: String?
        @Option(
            name: .customLong("pids-limit"), parsing: .unconditional, help: "At most that many processes; -1 for any.")
        var pidsLimit: Int64?
        @Option(name: .long, parsing: .unconditionalSingleValue, help: "name=soft[:hard], as nofile=1024:2048.")
        var ulimit: [String] = []
        @Option(name: .customLong("blkio-weight"), help: "10 to 1000.")
        var blkioWeight: Int64?
        @Option(
            name: .customLong("device-read-bps"), parsing: .unconditionalSingleValue, help: "/dev/NAME:10m a second.")
        var deviceReadBps: [String] = []
        @Option(
            name: .customLong("device-write-bps"), parsing: .unconditionalSingleValue, help: "/dev/NAME:10m a second.")
        var deviceWriteBps: [String] = []
        @Option(
            name: .customLong("device-read-iops"), parsing: .unconditionalSingleValue, help: "/dev/NAME:1000 a second.")
        var deviceReadIops: [String] = []
        @Option(
            name: .customLong("device-write-iops"), parsing: .unconditionalSingleValue, help: "/dev/NAME:1000 a second."
        )
        var deviceWriteIops: [String] = []
        @Option(name: .customLong("cgroup-parent"), help: "The group in which the container's own is made.")
        var cgroupParent: String?
    }
#endif
