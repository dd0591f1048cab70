import CKernel
import CNI
import Diagnosis
import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

/// Something wrong with a host, and what the doctor must make of it.
struct Planted: Sendable, CustomTestStringConvertible {
    enum Cure: Sendable {
        /// `--fix` mends it, and `--undo` brings it back.
        case mended
        /// `--fix` mends it; there is nothing to take back.
        case mendedForGood
        /// Its owner's own command would, which Tests/engines/doctor has.
        case byItsOwner
        /// Told only: nothing is changed.
        case told
    }
    let id: String
    /// What stands in the finding's reason, object or evidence.
    let words: [String]
    let cure: Cure
    let plant: @Sendable (DoctorHost) throws -> Void

    init(_ id: String, _ words: String..., cure: Cure, plant: @escaping @Sendable (DoctorHost) throws -> Void) {
        (self.id, self.words, self.cure, self.plant) = (id, words, cure, plant)
    }

    /// The findings that any of the words stands in: traces of others come and go in the machine's tracefs.
    func told(_ checkup: Checkup) -> String {
        checkup.findings.map { "\($0.object): \($0.reason) | \($0.evidence)" }
            .filter { line in words.contains { line.contains($0) } }.joined(separator: "\n")
    }

    var testDescription: String { "\(id) \(words.joined(separator: " "))" }
}

/// A private host with an uplink, a stranger behind it, and two containers on a bridge, one of them with a published port.
struct DoctorHost {
    let host: PrivateHost
    let published: Attached
    let other: Attached
    static let root = "/run/scratch/root"

    init(_ host: PrivateHost) throws {
        self.host = host
        try host.makeNamespace("outside")
        try host.cable(
            "wan0", ["192.0.2.1/24", "2001:db8:ff::1/64"], to: "outside", "eth0", ["192.0.2.2/24", "2001:db8:ff::2/64"])
        try host.must("ip route add default via 192.0.2.2")
        try host.must("ip -6 route add default via 2001:db8:ff::2")
        published = try host.attach(
            .bridged(TestNetwork.portmap, TestNetwork.firewall, keys: ["hairpinMode": true]), "c1", ports: Ports.tcp8080
        )
        other = try host.attach(.bridged(TestNetwork.portmap, TestNetwork.firewall, keys: ["hairpinMode": true]), "c2")
        try Files.makeDirectories("\(DoctorHost.root)/containers/c1")
        try Files.makeDirectories("/run/scratch/net.d")
        let list: JSON = [
            "cniVersion": .string(published.network.version), "name": .string(published.network.name),
            "plugins": .array(published.network.plugins.map { .object($0) }),
        ]
        try Files.replace("/run/scratch/net.d/net1.conflist", with: list.bytes)
    }

    var places: Examination.Places {
        get throws {
            Examination.Places(
                state: StateDirectory(),
                directories: LeaseDirectories(try ConfiguredNetworks(in: "/run/scratch/net.d")),
                cache: ResultCache("/run/scratch/cache"), root: DoctorHost.root, run: "/run/berth")
        }
    }

    func look(_ words: String...) throws -> Checkup { Checkup(try places, try Checkup.Selection(words)) }

    func fix(_ words: String...) throws -> Checkup {
        let selection = try Checkup.Selection(words)
        var checkup = Checkup(try places, selection)
        try Mending.fix(&checkup, try places, selection, folder: "/run/scratch/undo") { _ in }
        return checkup
    }

    /// The file says `text` to whoever reads it in this host.
    func cover(_ path: String, with text: String) throws {
        let file = "/run/scratch/cover-\(path.replacing("/", with: "-"))"
        try Files.replace(file, with: Array(text.utf8))
        try host.must("mount --bind \(file) \(path)")
    }

    /// What /proc/thread-self is to other programs.
    var thread: String { "/proc/\(getpid())/task/\(berth_gettid())" }

    /// The kernel's configuration without some options.
    func lacks(_ options: String...) throws {
        let sources = ["/proc/config.gz", "/boot/config-\(try host.must("uname -r").split(separator: "\n")[0])"]
        guard let source = sources.first(where: { Files.exists($0) }) else {
            throw HostRefused("no configuration of the kernel to plant in: \(sources)")
        }
        let script =
            "zcat -f \(source) | grep -v -E '^CONFIG_(\(options.joined(separator: "|")))=' | gzip > /run/scratch/config.gz"
        let outcome = try host.run(["sh", "-c", script])
        guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
        try host.must("mount --bind /run/scratch/config.gz \(source)")
    }

    func rules(_ text: String) throws { try host.must("nft -f -", input: text) }

    func all(_ lines: String) throws { for line in lines.split(separator: "\n") { try host.must(String(line)) } }
}

extension Planted {
    static let kernel: [Planted] =
        [
            ("veth", "VETH"), ("bridge", "BRIDGE"), ("bridge-netfilter", "BRIDGE_NETFILTER"), ("nf-tables", "NFT_MASQ"),
            ("nft-compat", "NFT_COMPAT"), ("x-tables", "NETFILTER_XT_NAT"), ("conntrack", "NF_CT_NETLINK"),
            ("conntrack-events", "NF_CONNTRACK_EVENTS"), ("nflog", "NFT_LOG"),
        ].map { name, option in
            Planted("kernel.\(name)", "CONFIG_\(option)", "not set in", cure: .told) { try $0.lacks(option) }
        } + [
            Planted("kernel.overlayfs", "CONFIG_OVERLAY_FS", cure: .told) { one in
                try one.lacks("OVERLAY_FS")
                try one.cover("/proc/filesystems", with: "nodev\ttmpfs\n\text4\n")
            },
            Planted("kernel.namespaces", "namespace user", cure: .told) { one in
                try Files.makeDirectories("/run/scratch/ns")
                for name in ["net", "mnt", "pid", "uts", "ipc", "cgroup"] {
                    try Files.replace("/run/scratch/ns/\(name)", with: [])
                }
                // The host itself goes in and out by the file net of the real one.
                try one.host.must("mount --bind \(one.thread)/ns/net /run/scratch/ns/net")
                try one.host.must("mount --rbind /run/scratch/ns \(one.thread)/ns")
            },
            Planted("kernel.conntrack-events", "nf_conntrack_events is 0", cure: .mended) {
                try $0.host.must("sysctl -w net.netfilter.nf_conntrack_events=0")
            },
            Planted("kernel.conntrack-usage", "95 % full", "250000 of 262144", cure: .mended) { one in
                try one.cover("/proc/sys/net/netfilter/nf_conntrack_count", with: "250000\n")
                try one.cover("/proc/sys/net/netfilter/nf_conntrack_max", with: "262144")
            },
            Planted("kernel.control-groups", "none are mounted", cure: .told) { one in
                try one.cover("\(one.thread)/mountinfo", with: "22 1 0:20 / / rw - ext4 /dev/vda rw\n")
            },
            Planted("kernel.control-groups", "controller pids", cure: .told) { one in
                try one.cover(
                    "\(one.thread)/mountinfo",
                    with:
                        "30 22 0:24 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n31 22 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                )
            },
            Planted("kernel.user-namespaces", "max_user_namespaces is 0", cure: .told) {
                try $0.cover("/proc/sys/user/max_user_namespaces", with: "0\n")
            },
        ]

    static let forwarding: [Planted] = [
        Planted("forwarding.ip-forward", "ip_forward is 0", cure: .mended) {
            try $0.host.must("sysctl -w net.ipv4.ip_forward=0")
        },
        Planted("forwarding.ip-forward", "cni0 forwards nothing", cure: .mended) {
            try $0.host.must("sysctl -w net.ipv4.conf.cni0.forwarding=0")
        },
        Planted(
            "forwarding.ip6-forward", "forwarding is 0", "wan0's default route comes of router advertisements",
            cure: .mended
        ) { one in
            try one.all(
                """
                sysctl -w net.ipv6.conf.all.forwarding=0
                sysctl -w net.ipv6.conf.wan0.accept_ra=1
                ip -6 route add default via fe80::1 dev wan0 proto ra metric 100
                """)
        },
        Planted("forwarding.accept-ra", "wan0", "protocol ra", cure: .mended) { one in
            try one.all(
                """
                sysctl -w net.ipv6.conf.wan0.accept_ra=1
                ip -6 route add default via fe80::1 dev wan0 proto ra metric 100
                """)
        },
        Planted(
            "forwarding.rp-filter", "wan1", "the higher of all (1) and wan1 (0)", "way back to them is wan0",
            cure: .mended
        ) { one in
            try one.host.cable("wan1", ["198.51.100.1/24"], to: "outside", "eth1", ["198.51.100.2/24"])
            try one.all(
                """
                ip route add default via 198.51.100.2 metric 200
                sysctl -w net.ipv4.conf.all.rp_filter=1
                sysctl -w net.ipv4.conf.wan1.rp_filter=0
                """)
        },
        Planted("forwarding.route-localnet", "wan0", "127.0.0.0/8", cure: .mended) {
            try $0.host.must("sysctl -w net.ipv4.conf.wan0.route_localnet=1")
        },
        Planted("forwarding.accept-local", "all", cure: .mended) {
            try $0.host.must("sysctl -w net.ipv4.conf.all.accept_local=1")
        },
        Planted("forwarding.proxy-arp", "wan0", cure: .mended) {
            try $0.host.must("sysctl -w net.ipv4.conf.wan0.proxy_arp=1")
        },
        Planted("forwarding.bridge-netfilter", "cni0 IPv4", "ip own fw", cure: .mended) { one in
            try one.host.must("sysctl -w net.bridge.bridge-nf-call-iptables=1")
            try one.rules(
                "table ip own { chain fw { type filter hook forward priority 5; iifname \"cni0\" oifname \"cni0\" drop; }; }"
            )
        },
        Planted("forwarding.mtu", "cni0 has mtu 1500, wan0 1300", cure: .told) {
            try $0.host.must("ip link set wan0 mtu 1300")
        },
        Planted("forwarding.hairpin", "hairpin is off", "own port", cure: .mended) { one in
            try one.host.must("sysctl -w net.bridge.bridge-nf-call-iptables=1")
            try one.host.must("bridge link set dev \(one.published.hostEnd!) hairpin off")
        },
    ]

    /// iptables' FORWARD with policy DROP and chains of those names.
    private static func drops(_ one: DoctorHost, _ program: String, _ chains: String...) throws {
        for chain in chains { try one.host.must("\(program) -w -N \(chain)") }
        try one.host.must("\(program) -w -P FORWARD DROP")
        if let first = chains.first { try one.host.must("\(program) -w -A FORWARD -j \(first)") }
    }

    static let firewall: [Planted] = [
        Planted("firewall.docker-forward", "Docker's ip filter FORWARD", "cni0", "evaluated", cure: .mended) {
            try drops($0, "iptables-nft", "DOCKER-USER", "DOCKER")
        },
        Planted("firewall.docker-forward", "Docker's ip filter FORWARD", cure: .mended) {
            try drops($0, "iptables-legacy", "DOCKER-USER", "DOCKER")
        },
        Planted("firewall.docker-forward", "Docker's ip6 filter FORWARD", cure: .mended) {
            try drops($0, "ip6tables-nft", "DOCKER-USER", "DOCKER")
        },
        Planted("firewall.ufw", "ufw's ip filter FORWARD", cure: .byItsOwner) {
            try drops($0, "iptables-nft", "ufw-before-forward")
        },
        // What somebody forbids by a rule, in a table that both programs share, is left.
        Planted("firewall.ufw", "ufw's ip filter FORWARD stops", "ip filter ufw-user-forward #", cure: .told) { one in
            for line in [
                "-N ufw-user-forward", "-N DOCKER", "-N DOCKER-USER", "-A FORWARD -j ufw-user-forward",
                "-A ufw-user-forward -o cni0 -j DROP",
            ] {
                try one.host.must("iptables-nft \(line)")
            }
        },
        Planted("firewall.docker-forward", "ip filter DOCKER-USER #", cure: .told) { one in
            for line in ["-N DOCKER", "-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-A DOCKER-USER -o cni0 -j DROP"] {
                try one.host.must("iptables-nft \(line)")
            }
        },
        Planted("firewall.firewalld", "firewalld's inet firewalld filter_FORWARD", cure: .byItsOwner) {
            try $0.rules(
                "table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; ct state { established, related } accept; reject with icmpx admin-prohibited; }; }"
            )
        },
        Planted("firewall.kubernetes", "Kubernetes's ip filter FORWARD", cure: .told) {
            try drops($0, "iptables-nft", "KUBE-FORWARD")
        },
        Planted("firewall.libvirt", "libvirt's ip filter FORWARD", cure: .mended) {
            try drops($0, "iptables-nft", "LIBVIRT_FWI")
        },
        Planted("firewall.foreign-drop", "ip filter FORWARD", "has policy drop", cure: .mended) {
            try drops($0, "iptables-nft")
        },
        Planted("firewall.foreign-drop", "inet mine fw #", cure: .told) {
            try $0.rules(
                "table inet mine { chain fw { type filter hook forward priority -10; oifname \"cni0\" tcp dport 80 drop; }; }"
            )
        },
        Planted("firewall.two-backends", "legacy: ip filter FORWARD", "berth", cure: .told) {
            try $0.host.must("iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP")
        },
        Planted("firewall.docker-chains", "iptables-nft DOCKER-USER", "does not jump", cure: .told) { one in
            for chain in ["DOCKER", "DOCKER-USER"] { try one.host.must("iptables-nft -N \(chain)") }
        },
        Planted("firewall.docker-chains", "iptables-legacy DOCKER-USER", "DOCKER-USER does not", cure: .told) {
            try $0.host.must("iptables-legacy -N DOCKER")
        },
        Planted("firewall.published-past-input", "0.0.0.0:8080/tcp", "ip own in", cure: .told) {
            try $0.rules("table ip own { chain in { type filter hook input priority 0; policy drop; }; }")
        },
        Planted("firewall.published-past-input", "192.0.2.1:9090/tcp (Docker's rule in ip nat DOCKER)", cure: .told) {
            one in
            try one.all(
                """
                iptables-nft -t nat -N DOCKER
                iptables-nft -t nat -A PREROUTING -j DOCKER
                iptables-nft -t nat -A DOCKER -p tcp --dport 9090 -j DNAT --to-destination \(one.other.address(.v4)!):80
                """)
            try one.rules("table ip own { chain in { type filter hook input priority 0; tcp dport 9090 drop; }; }")
        },
        Planted("firewall.owned-rules", "0 of ", "table inet berth missing", cure: .mendedForGood) {
            try $0.host.must("nft delete table inet berth")
        },
        Planted("firewall.drift", "cni0", cure: .mendedForGood) { try $0.host.must("ip address flush dev cni0") },
    ]

    static let leaks: [Planted] = [
        Planted("leaks.dead-container", "c2", cure: .mendedForGood) { try $0.host.removeNamespace("c2") },
        Planted("leaks.lease-without-attachment", "stranger", cure: .mendedForGood) { _ in
            try Files.replace("/var/lib/cni/networks/net1/10.22.0.99", with: Array("stranger\r\neth0".utf8))
        },
        Planted("leaks.duplicate-address", "c1 and c2 have the same address", cure: .told) {
            try $0.host.must("ip -n c2 address add \($0.published.address(.v4)!)/24 dev eth0")
        },
        Planted("leaks.duplicate-mac", "c1 and c2 have the same MAC", cure: .told) { one in
            let mac = try one.host.must("ip netns exec c1 cat /sys/class/net/eth0/address").split(separator: "\n")[0]
            try one.host.must("ip -n c2 link set eth0 address \(mac)")
        },
        Planted("leaks.dead-cables", "IFLA_CARRIER", cure: .told) { one in
            try one.host.must("ip -n c2 link set eth0 down")
        },
        Planted("leaks.namespaces", "/run/netns/stale", cure: .mended) { _ in
            try Files.replace("/run/netns/stale", with: [])
        },
        Planted("leaks.namespaces", "/run/berth/netns/gone", "its container is gone", cure: .told) { one in
            try Files.makeDirectories("/run/berth/netns")
            try Files.replace("/run/berth/netns/gone", with: [])
            try one.host.must("mount --bind /run/netns/outside /run/berth/netns/gone")
        },
        Planted("leaks.flows", "10.22.0.77", "nobody has", cure: .mendedForGood) { one in
            try one.host.must(
                "conntrack -I -p udp -s 192.0.2.2 -d 192.0.2.1 --sport 4000 --dport 5353 -g 10.22.0.77:53 -t 120 -u ASSURED"
            )
        },
        Planted("leaks.control-groups", "cgroup.procs has 0", cure: .mended) { one in
            let name = String(repeating: "ab", count: 32)
            try Files.makeDirectories("/run/scratch/group/berth/\(name)")
            try one.cover(
                "\(one.thread)/mountinfo", with: "30 22 0:24 / /run/scratch/group rw - cgroup cgroup rw,pids\n")
        },
        Planted("leaks.overlay-mounts", "container gone is gone", cure: .mendedForGood) { one in
            let place = "\(DoctorHost.root)/containers/gone"
            for name in ["rootfs", "lower", "upper", "work"] { try Files.makeDirectories("\(place)/\(name)") }
            try one.host.must(
                "mount -t overlay overlay -o lowerdir=\(place)/lower,upperdir=\(place)/upper,workdir=\(place)/work \(place)/rootfs"
            )
        },
        Planted("leaks.tracefs-instances", "berth-1-planted", cure: .mended) { one in
            // The machine's tracefs has it until the end of this host; a trace elsewhere does not take it for an ended one's.
            try one.host.must("mount -t tracefs tracefs /sys/kernel/tracing")
            try one.host.must("mkdir /sys/kernel/tracing/instances/berth-1-planted")
            one.host.whenOver.append { rmdir("/sys/kernel/tracing/instances/berth-1-planted") }
        },
        Planted("leaks.stale-files", "/run/berth/berth.sock", "ECONNREFUSED", cure: .mendedForGood) { one in
            try one.host.must("python3 -c import\tsocket;socket.socket(1).bind('/run/berth/berth.sock')")
        },
        Planted("leaks.stale-files", "/run/berth/berth.pid", "no process", cure: .mendedForGood) { _ in
            try Files.replace("/run/berth/berth.pid", with: Array("4194303\n".utf8))
        },
    ]

    static let rest: [Planted] = [
        Planted("dns.stub-resolver", "only 127.0.0.53", cure: .told) {
            try $0.cover("/etc/resolv.conf", with: "nameserver 127.0.0.53\n")
        },
        Planted("dns.resolv-conf", "c1 127.0.0.53", cure: .told) { _ in
            try Files.replace(
                "\(DoctorHost.root)/containers/c1/resolv.conf", with: Array("nameserver 127.0.0.53\n".utf8))
        },
        Planted("dns.resolv-conf", "no nameserver", cure: .told) { _ in
            try Files.replace("\(DoctorHost.root)/containers/c1/resolv.conf", with: Array("search example.org\n".utf8))
        },
        Planted("time.clock", "was written at 2040-", "the clock says 20", cure: .told) {
            try $0.host.must("touch -d 2040-01-01 \(DoctorHost.root)/containers")
        },
        Planted("disk.image-store", "MiB are left", cure: .told) {
            try $0.host.must("mount -t tmpfs -o size=60m tmpfs \(DoctorHost.root)")
        },
    ]

    static let all = kernel + forwarding + firewall + leaks + rest
}
