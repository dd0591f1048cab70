import CKernel
import Glibc
import Inspect
import NetCore

/// What is left over on this host, beyond what records tell (`own`).
extension HealthRule {
    static let leaks: [HealthRule] =
        [
            HealthRule(
                .leaks, "duplicate-address", why: "two containers with one address: each loses packets to the other"
            ) {
                (examination, id) throws(KernelError) in try duplicates(examination, id, "address") { $0.addresses }
            },
            HealthRule(
                .leaks, "duplicate-mac", why: "a bridge learns one place for a MAC: frames go to whoever sent last"
            ) {
                (examination, id) throws(KernelError) in try duplicates(examination, id, "MAC") { $0.macs }
            },
            HealthRule(.leaks, "dead-cables", why: "a bridge's port that leads nowhere, and a name that is taken") {
                (examination, id) throws(KernelError) in
                let bridges = Set(try examination.ownBridges())
                let links = try examination.links()
                let indices = Set(links.filter { bridges.contains($0.name) }.map(\.index))
                let found = links.filter { link in
                    guard link.kind == "veth", link.isUp, link.hasCarrier == false else { return false }
                    return link.alias?.hasPrefix("berth:") == true || link.master.map { indices.contains($0) } == true
                }
                return Judgement(
                    found.map {
                        HealthFinding(
                            id, .warning, $0.name, "the other end of this cable is down",
                            evidence: "IFLA_CARRIER of \($0.name) is 0; alias \($0.alias ?? "none")",
                            remedy: Remedy(
                                [["ip", "link", "delete", $0.name]],
                                toldOnly:
                                    "when its container is gone; it is the container's own matter whether its end is up"
                            ))
                    }, else: "every cable on berth's bridges has carrier")
            },
            HealthRule(.leaks, "namespaces", why: "a namespace that nobody enters again holds its links and its rules")
            {
                (examination, id) throws(KernelError) in try namespaces(examination, id)
            },
            HealthRule(
                .leaks, "flows",
                why: "a flow goes where conntrack remembers, not where the rules say: to an address that nobody has"
            ) { (examination, id) throws(KernelError) in try flows(examination, id) },
            HealthRule(
                .leaks, "control-groups", why: "groups of containers that are gone count against the kernel's limit"
            ) {
                (examination, id) throws(KernelError) in try controlGroups(examination, id)
            },
            HealthRule(.leaks, "overlay-mounts", why: "a mounted root keeps the container's layer on the disk") {
                (examination, id) throws(KernelError) in
                let folder = "\(examination.places.root)/containers/"
                var findings: [HealthFinding] = []
                for mount in try examination.mounts() where mount.type == "overlay" && mount.point.hasPrefix(folder) {
                    let name = mount.point.dropFirst(folder.count).prefix { $0 != "/" }
                    guard !Files.exists("\(folder)\(name)/container.json") else { continue }
                    findings.append(
                        HealthFinding(
                            id, .warning, mount.point,
                            "it is mounted, and container \(String(name).prefix(12)) is gone",
                            evidence: "/proc/thread-self/mountinfo; no \(folder)\(name)/container.json",
                            remedy: Remedy([["umount", mount.point]])))
                }
                return Judgement(findings, else: "no overlay below \(folder) of a container that is gone")
            },
            HealthRule(.leaks, "tracefs-instances", why: "each holds memory for its buffers") {
                (examination, id) throws(KernelError) in
                try traceInstances(examination, id)
            },
            HealthRule(.leaks, "stale-files", why: "who finds the socket waits for a daemon that is gone") {
                (examination, id) throws(KernelError) in try staleFiles(examination, id)
            },
        ]

    // MARK: tracefs

    private static func traceInstances(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let opened = OwnedDescriptor(taking: berth_tracefs())
        guard opened.number >= 0 else {
            return .notChecked(
                "tracefs cannot be opened: \(Errno.current)\(examination.isRoot ? "" : ": it takes root")")
        }
        let names = try Files.names(in: "/proc/thread-self/fd/\(opened.number)/instances")
            .filter { $0.split(separator: "-").count >= 3 && $0.hasPrefix("berth-") }
        guard !names.isEmpty else { return .passed("instances of tracefs has none of berth trace's") }
        // They are the machine's, and their numbers those of whatever PID namespace a trace runs in: who has one open tells.
        guard ProcessStatus.seesEveryProcess else {
            return .notChecked(
                "instances of tracefs has \(names.joined(by: ", ")), and not every process of the machine is seen from this PID namespace"
            )
        }
        var unused = Set(names).subtracting(instancesInUse())
        if !unused.isEmpty {
            // A trace that just begins has its instance before its pipe, and one that ends the other way round.
            usleep(300_000)
            let still = try Files.names(in: "/proc/thread-self/fd/\(opened.number)/instances")
            unused = unused.intersection(still).subtracting(instancesInUse())
        }
        let place = "/sys/kernel/tracing/instances"
        let isMounted = Files.exists(place)
        return Judgement(
            unused.sorted().map { name in
                HealthFinding(
                    id, .warning, name, "the trace that made this instance of tracefs has ended",
                    evidence: "instances of tracefs has \(name), and no process has its trace_pipe open",
                    remedy: isMounted
                        ? Remedy([["rmdir", "\(place)/\(name)"]], undo: [["mkdir", "\(place)/\(name)"]])
                        : .told("the next berth trace of root's removes it: tracefs is not mounted here"))
            }, else: "\(names.count.counted("instance")) of berth trace's in tracefs, in use")
    }

    /// Names of instances whose trace_pipe some process has open.
    private static func instancesInUse() -> Set<String> {
        var found: Set<String> = []
        for process in (try? Files.names(in: "/proc")) ?? [] where process.allSatisfy(\.isNumber) {
            for file in (try? Files.names(in: "/proc/\(process)/fd")) ?? [] {
                guard let target = Examination.link("/proc/\(process)/fd/\(file)"), target.hasSuffix("/trace_pipe")
                else {
                    continue
                }
                let parts = target.split(separator: "/").map(String.init)
                if parts.count >= 2 { found.insert(parts[parts.count - 2]) }
            }
        }
        return found
    }

    // MARK: namespaces

    private static func namespaces(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        var findings: [HealthFinding] = []
        let own = "\(examination.places.run)/netns"
        let attached = Set(try examination.attachments().compactMap(\.netns))
        for folder in ["/run/netns", own] {
            for name in try examination.names(in: folder) {
                let path = "\(folder)/\(name)"
                if !NetworkNamespace.isOpenable(path) {
                    findings.append(
                        HealthFinding(
                            id, .warning, path, "no namespace is mounted there any more",
                            evidence: "\(path) is a plain file",
                            remedy: Remedy([["rm", path]], undo: [["touch", path]])))
                } else if folder == own, !Files.exists("\(examination.places.root)/containers/\(name)"),
                    !attached.contains(path)
                {
                    findings.append(
                        HealthFinding(
                            id, .warning, path, "its container is gone",
                            evidence: "no \(examination.places.root)/containers/\(name), and no attachment of it",
                            remedy: Remedy(
                                [["umount", path], ["rm", path]],
                                toldOnly: "what is in it would end with it, and nothing brings it back")))
                }
            }
        }
        return Judgement(findings, else: "/run/netns and \(own) have none that is stale")
    }

    // MARK: flows

    private static func flows(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let bridges = Set(try examination.ownBridges())
        let indices = try examination.links().filter { bridges.contains($0.name) }.map(\.index)
        let networks = try examination.addresses().filter {
            indices.contains($0.link) && !$0.prefix.address.isLinkLocal
        }
        guard !networks.isEmpty else { return .passed("no bridge of berth's has an address") }
        var owned = Set(try examination.addresses().map(\.prefix.address))
        for entry in try examination.attachments() {
            for text in entry.addresses { if let prefix = IPPrefix(text) { owned.insert(prefix.address) } }
        }
        var route = try NetlinkSocket(NETLINK_ROUTE)
        for neighbour in try route.neighbours() where neighbour.mac != nil { owned.insert(neighbour.address) }
        var socket = try NetlinkSocket(NETLINK_NETFILTER)
        var found: [IPAddress: Int] = [:]
        var count = 0
        for family in AddressFamily.allCases {
            for flow in try socket.flows(family) {
                count += 1
                // What was led there by NAT goes there for as long as it comes; of TCP a new SYN begins a new flow.
                let address = flow.reply.source
                guard address != flow.original.destination, Int32(flow.original.protocolNumber) != Int32(IPPROTO_TCP),
                    !owned.contains(address), networks.contains(where: { $0.prefix.contains(address) })
                else { continue }
                found[address, default: 0] += 1
            }
        }
        return Judgement(
            found.sorted { $0.key < $1.key }.map { address, flows in
                HealthFinding(
                    id, .warning, "\(address)", "\(flows.counted("flow")) led to it, and nobody has that address",
                    evidence: "conntrack: \(count.counted("flow")); no attachment and no neighbour has \(address)",
                    remedy: Remedy([["berth", "conntrack", "flush", "--dst", "\(address)"]]))
            }, else: "conntrack: \(count.counted("flow")), none led to an address on berth's bridges that nobody has")
    }

    // MARK: control groups

    private static func controlGroups(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        // A container has a group in each hierarchy.
        var places: [String: [String]] = [:]
        for mount in try examination.mounts() where mount.type == "cgroup" || mount.type == "cgroup2" {
            let folder = "\(mount.point)/berth"
            for name in try examination.names(in: folder) where name.count == 64 && name.allSatisfy(\.isHexDigit) {
                places[name, default: []].append("\(folder)/\(name)")
            }
        }
        var findings: [HealthFinding] = []
        for (name, paths) in places.sorted(by: { $0.key < $1.key }) {
            guard !Files.exists("\(examination.places.root)/containers/\(name)") else { continue }
            var processes: Set<Substring> = []
            for path in paths {
                processes.formUnion(try examination.existing("\(path)/cgroup.procs")?.split(separator: "\n") ?? [])
            }
            findings.append(
                HealthFinding(
                    id, .warning, "/berth/\(name)", "its container is gone",
                    evidence:
                        "no \(examination.places.root)/containers/\(name); cgroup.procs has \(processes.count.counted("process", "processes")) in \(paths.joined(by: ", "))",
                    remedy: Remedy(
                        paths.map { ["rmdir", $0] }, undo: paths.map { ["mkdir", $0] },
                        toldOnly: processes.isEmpty
                            ? nil
                            : "processes are in it, or it is another daemon's: see what they are, ps -p \(processes.sorted().joined(separator: ","))"
                    )))
        }
        // In v1 and v2 alike cgroup.procs shows what has a number here.
        guard findings.isEmpty || ProcessStatus.seesEveryProcess else {
            return .notChecked(
                "\(findings.map(\.object).joined(by: ", ")): no container of that name here, and not every process of the machine is seen from this PID namespace"
            )
        }
        return Judgement(findings, else: "\(places.count.counted("group")) of containers, each has its container")
    }

    // MARK: sockets and pid files

    private static func staleFiles(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let run = examination.places.run
        var findings: [HealthFinding] = []
        var files: [(path: String, toldOnly: String?)] = [("\(run)/berth.sock", nil), ("\(run)/berth.pid", nil)]
        for name in try examination.names(in: "\(run)/containers") {
            let harm = "the daemon reads it when it starts, and mends its container by it: start berth daemon"
            for file in ["shim.sock", "shim.pid"] { files.append(("\(run)/containers/\(name)/\(file)", harm)) }
        }
        var seen = 0
        for file in files where Files.exists(file.path) {
            seen += 1
            let evidence: String?
            if file.path.hasSuffix(".sock") {
                evidence = refuses(file.path) ? "connect to \(file.path): ECONNREFUSED, nobody listens" : nil
            } else {
                let process = try examination.existing(file.path).flatMap { Int32($0.prefix { $0.isNumber }) }
                let isDead = process.map { kill($0, 0) != 0 && errno == ESRCH } ?? false
                evidence = isDead ? "there is no process \(process!)" : nil
            }
            guard let evidence else { continue }
            findings.append(
                HealthFinding(
                    id, .warning, file.path, "whose it was is gone", evidence: evidence,
                    remedy: Remedy([["rm", file.path]], toldOnly: file.toldOnly)))
        }
        return Judgement(
            findings, else: "\(seen.counted("socket and pid file", "sockets and pid files")) of berth's looked at")
    }

    /// A socket that nobody listens at.
    private static func refuses(_ path: String) -> Bool {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return false }
        defer { close(number) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let outcome = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return outcome != 0 && errno == ECONNREFUSED
    }
}

extension Int {
    /// "1 socket and pid file", "2 sockets and pid files".
    func counted(_ noun: String, _ plural: String) -> String { "\(self) \(self == 1 ? noun : plural)" }
}
