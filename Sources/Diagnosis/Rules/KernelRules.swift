import CKernel
import Glibc
import NetCore

/// What berth needs of a kernel.
extension HealthRule {
    static let kernel: [HealthRule] =
        [
            HealthRule(.kernel, "namespaces", why: "a container is its namespaces") {
                (examination, id) throws(KernelError) in
                let wanted = ["net", "mnt", "pid", "uts", "ipc", "user", "cgroup"]
                let has = try examination.names(in: "/proc/thread-self/ns")
                let missing = wanted.filter { !has.contains($0) }
                return Judgement(
                    missing.map {
                        HealthFinding(
                            id, .error, "namespace \($0)", "this kernel has no namespaces of kind \($0)",
                            evidence: "/proc/thread-self/ns has \(has.joined(by: " "))",
                            remedy: .told("boot a kernel with CONFIG_NAMESPACES and what it offers below"))
                    }, else: "/proc/thread-self/ns has \(wanted.joined(by: " "))")
            },
            feature("veth", .error, [("VETH", "veth")], why: "the cable between a container and its bridge"),
            feature("bridge", .error, [("BRIDGE", "bridge")], why: "the switch of a network"),
            feature(
                "bridge-netfilter", .warning, [("BRIDGE_NETFILTER", "br_netfilter")],
                why: "others' rules for frames within a bridge (Kubernetes asks for it)"),
            feature(
                "nf-tables", .error,
                [
                    ("NF_TABLES", "nf_tables"), ("NF_TABLES_INET", nil), ("NFT_CT", "nft_ct"), ("NFT_NAT", "nft_nat"),
                    ("NFT_MASQ", "nft_masq"), ("NFT_FIB_INET", "nft_fib_inet"),
                ], why: "berth's rules are one table of nftables"),
            feature(
                "nft-compat", .warning, [("NFT_COMPAT", "nft_compat")],
                why: "without it iptables-nft cannot use matches of x_tables, and Docker and ufw fail"),
            feature(
                "x-tables", .warning,
                [
                    ("NETFILTER_XT_MATCH_CONNTRACK", "xt_conntrack"), ("NETFILTER_XT_MATCH_COMMENT", "xt_comment"),
                    ("NETFILTER_XT_MATCH_ADDRTYPE", "xt_addrtype"), ("NETFILTER_XT_MATCH_MULTIPORT", "xt_multiport"),
                    ("NETFILTER_XT_TARGET_MASQUERADE", "xt_MASQUERADE"), ("NETFILTER_XT_MARK", "xt_mark"),
                    ("NETFILTER_XT_NAT", "xt_nat"),
                ], why: "berth's rules where the backend is iptables"),
            feature(
                "conntrack", .error, [("NF_CONNTRACK", "nf_conntrack"), ("NF_CT_NETLINK", "nf_conntrack_netlink")],
                why: "NAT remembers flows, and berth forgets those of a port that is gone"),
            HealthRule(
                .kernel, "conntrack-events", why: "berth conntrack watch and berth trace are told of flows by them"
            ) { (examination, id) throws(KernelError) in
                let features = examination.features
                let path = "net/netfilter/nf_conntrack_events"
                if case .missing(let words) = features.has("NF_CONNTRACK_EVENTS", nil) {
                    return .found([
                        HealthFinding(
                            id, .warning, "CONFIG_NF_CONNTRACK_EVENTS", "this kernel tells nobody of flows",
                            evidence: words, remedy: .told("boot a kernel with CONFIG_NF_CONNTRACK_EVENTS=y"))
                    ])
                }
                guard let value = try examination.parameter(path) else {
                    return .notChecked("/proc/sys/\(path) is not there: conntrack is not loaded, or has no events")
                }
                // 2: as soon as somebody listens.
                guard value == "0" else { return .passed("\(path) is \(value)") }
                return .found([
                    HealthFinding(
                        id, .warning, path.dotted, "conntrack tells nobody of flows",
                        evidence: "/proc/sys/\(path) is 0",
                        remedy: .parameter(path, "2", was: value))
                ])
            },
            HealthRule(
                .kernel, "conntrack-usage", why: "a full table drops every new flow of this host and its containers"
            ) { (examination, id) throws(KernelError) in
                let (count, most) = ("net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max")
                guard let used = try examination.number(count), let limit = try examination.number(most), limit > 0
                else { return .notChecked("/proc/sys/\(count) is not there: conntrack is not loaded") }
                let percent = used * 100 / limit
                let evidence = "\(used) of \(limit) flows (\(percent) %): /proc/sys/\(count), /proc/sys/\(most)"
                guard percent >= 80 else { return .passed(evidence) }
                return .found([
                    HealthFinding(
                        id, percent >= 95 ? .error : .warning, most.dotted, "conntrack's table is \(percent) % full",
                        evidence: evidence, remedy: .parameter(most, "\(limit * 2)", was: "\(limit)"))
                ])
            },
            feature(
                "nflog", .warning,
                [("NETFILTER_NETLINK_LOG", "nfnetlink_log"), ("NFT_LOG", "nft_log")],
                why: "berth trace sees packets that rules log"),
            HealthRule(.kernel, "overlayfs", why: "a container's root is its image with a layer of its own above") {
                (examination, id) throws(KernelError) in
                let known = try examination.text("/proc/filesystems").split(separator: "\n").contains {
                    $0.split(separator: "\t").last == "overlay"
                }
                if known { return .passed("/proc/filesystems names overlay") }
                return feature(examination.features, id, .error, [("OVERLAY_FS", "overlay")])
            },
            HealthRule(.kernel, "control-groups", why: "limits of memory, processors and processes") {
                (examination, id) throws(KernelError) in
                try controlGroups(examination, id)
            },
            HealthRule(
                .kernel, "tracefs",
                why:
                    "berth trace tells the kernel's own reason for a drop from there; without it, it judges by counters"
            ) { (_, id) throws(KernelError) in
                let folder = OwnedDescriptor(taking: berth_tracefs())
                guard folder.number >= 0 else {
                    let error = Errno.current
                    if error == .notPermitted || error == .accessDenied {
                        return .notChecked("tracefs is the machine's root's to open: \(error)")
                    }
                    return .found([
                        HealthFinding(
                            id, .warning, "tracefs", "this kernel has no tracefs",
                            evidence: "fsopen(tracefs): \(error)",
                            remedy: .told("boot a kernel with CONFIG_TRACING"))
                    ])
                }
                let event = "events/skb/kfree_skb"
                let opened = OwnedDescriptor(
                    taking: berth_openat(folder.number, event, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0))
                guard opened.number < 0 else { return .passed("tracefs has \(event)") }
                return .found([
                    HealthFinding(
                        id, .warning, event, "this kernel does not tell why it drops packets",
                        evidence: "open \(event) of tracefs: \(Errno.current)",
                        remedy: .told("boot a kernel with CONFIG_EVENT_TRACING and CONFIG_NET"))
                ])
            },
            HealthRule(
                .kernel, "user-namespaces",
                why: "without root, berth lab stands in a user namespace; --userns-remap needs them, too"
            ) { (examination, id) throws(KernelError) in try userNamespaces(examination, id) },
        ]

    // MARK: features

    private static func feature(
        _ name: String, _ severity: Severity, _ options: [(String, String?)], why: String
    ) -> HealthRule {
        HealthRule(.kernel, name, why: why) { (examination, id) throws(KernelError) in
            feature(examination.features, id, severity, options)
        }
    }

    private static func feature(
        _ features: KernelFeatures, _ id: RuleID, _ severity: Severity, _ options: [(String, String?)]
    ) -> Judgement {
        var (findings, seen, unknown): ([HealthFinding], [String], [String]) = ([], [], [])
        for (option, module) in options {
            switch features.has(option, module) {
            case .present(let words): seen.append(words)
            case .unknown(let words): unknown.append(words)
            case .missing(let words):
                findings.append(
                    HealthFinding(
                        id, severity, "CONFIG_\(option)", "kernel \(features.release) lacks it", evidence: words,
                        remedy: .told("boot a kernel with CONFIG_\(option)=y, or install its modules")))
            }
        }
        if findings.isEmpty, let first = unknown.first { return .notChecked(first) }
        return Judgement(findings, else: seen.joined(by: ", "))
    }

    // MARK: control groups

    private static func controlGroups(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let wanted = ["cpu", "memory", "pids"]
        let lines = try examination.text("/proc/thread-self/mountinfo").split(separator: "\n")
        var (first, unified): (Set<String>, String?) = ([], nil)
        for line in lines {
            let fields = line.split(separator: " ").map(String.init)
            guard let hyphen = fields.firstIndex(of: "-"), fields.count > hyphen + 1, hyphen > 4
            else { continue }
            if fields[hyphen + 1] == "cgroup" { first.formUnion(fields.last!.split(separator: ",").map(String.init)) }
            if fields[hyphen + 1] == "cgroup2" { unified = unified ?? fields[4] }
        }
        var offered: Set<String> = []
        var evidence = "control groups v1: \(first.intersection(wanted).sorted().joined(by: " "))"
        if let unified {
            let own = try examination.text("/proc/thread-self/cgroup").split(separator: "\n").first {
                $0.hasPrefix("0::")
            }
            let path = own.map { String($0.dropFirst(3)) } ?? "/"
            let place = unified + (path == "/" ? "" : path)
            let file = Files.exists("\(place)/cgroup.controllers") ? place : unified
            let text = try examination.text("\(file)/cgroup.controllers")
            offered = Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))
            evidence += "; v2: \(file)/cgroup.controllers has \(offered.sorted().joined(by: " "))"
        }
        guard !first.isEmpty || unified != nil else {
            return .found([
                HealthFinding(
                    id, .error, "control groups", "none are mounted", evidence: "/proc/thread-self/mountinfo",
                    remedy: Remedy(
                        [["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]],
                        undo: [["umount", "/sys/fs/cgroup"]],
                        toldOnly: "the host's own start decides which control groups it has"))
            ])
        }
        let missing = wanted.filter { !first.contains($0) && !offered.contains($0) }
        return Judgement(
            missing.map {
                HealthFinding(
                    id, .warning, "controller \($0)",
                    "it is not delegated to where berth runs: a container cannot be limited by it", evidence: evidence,
                    remedy: .told(
                        "write +\($0) to cgroup.subtree_control of the group above, or Delegate=yes for berth's service"
                    ))
            }, else: evidence)
    }

    // MARK: user namespaces

    private static func userNamespaces(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let harm = "it is a setting of this host's security: decide it yourself"
        var (findings, seen): ([HealthFinding], [String]) = ([], [])
        for (path, bad, good) in [
            ("user/max_user_namespaces", { $0 == 0 }, "15000"),
            ("kernel/unprivileged_userns_clone", { $0 == 0 }, "1"),
            ("kernel/apparmor_restrict_unprivileged_userns", { $0 != 0 }, "0"),
        ] as [(String, (Int) -> Bool, String)] {
            guard let value = try examination.number(path) else { continue }
            seen.append("\(path.dotted) is \(value)")
            guard bad(value) else { continue }
            findings.append(
                HealthFinding(
                    id, .warning, path.dotted, "users without root may make no user namespaces",
                    evidence: "/proc/sys/\(path) is \(value)",
                    remedy: .parameter(path, good, was: "\(value)", toldOnly: harm)))
        }
        return Judgement(findings, else: seen.joined(by: ", "))
    }
}
