import CKernel
import Glibc
import NetCore

/// Whether this host is the router that containers need, and no more.
extension HealthRule {
    static let forwarding: [HealthRule] =
        [
            HealthRule(.forwarding, "ip-forward", why: "a host that is no router drops what containers send elsewhere")
            {
                (examination, id) throws(KernelError) in
                guard try has(.v4, examination) else { return .passed("no attachment has an IPv4 address") }
                var findings: [HealthFinding] = []
                let path = "net/ipv4/ip_forward"
                guard let value = try examination.number(path) else { return .notChecked("no /proc/sys/\(path)") }
                if value == 0 {
                    var remedy = Remedy.parameter(path, "1", was: "0")
                    // Writing it sets every interface's; those that differed come back.
                    for one in try examination.perInterface("forwarding") where one.value != 0 {
                        remedy.undo.append(["sysctl", "-w", "\(one.path.dotted)=\(one.value)"])
                    }
                    findings.append(
                        HealthFinding(
                            id, .error, path.dotted, "this host does not forward IPv4",
                            evidence: "/proc/sys/\(path) is 0", remedy: remedy))
                } else {
                    let names = Set(try examination.ownBridges() + examination.uplinks(.v4).map(\.name))
                    for one in try examination.perInterface("forwarding")
                    where names.contains(one.name) && one.value == 0 {
                        findings.append(
                            HealthFinding(
                                id, .error, one.path.dotted, "\(one.name) forwards nothing that comes in by it",
                                evidence: "/proc/sys/\(one.path) is 0", remedy: .parameter(one.path, "1", was: "0")))
                    }
                }
                return Judgement(findings, else: "\(path.dotted) is \(value)")
            },
            HealthRule(
                .forwarding, "ip6-forward", why: "a host that is no router drops what containers send elsewhere by IPv6"
            ) { (examination, id) throws(KernelError) in try forwardsV6(examination, id) },
            HealthRule(
                .forwarding, "accept-ra",
                why:
                    "with forwarding on, the kernel ignores router advertisements unless accept_ra is 2: address and default route run out"
            ) { (examination, id) throws(KernelError) in
                guard try examination.number("net/ipv6/conf/all/forwarding") ?? 0 != 0 else {
                    return .passed("net.ipv6.conf.all.forwarding is 0")
                }
                let names = Set(try examination.advertised())
                let found = try examination.perInterface("accept_ra", .v6).filter {
                    names.contains($0.name) && $0.value == 1
                }
                return Judgement(
                    found.map {
                        HealthFinding(
                            id, .error, $0.path.dotted,
                            "\($0.name) has its default route of advertisements, which are ignored by now",
                            evidence:
                                "a default route of protocol ra by \($0.name); /proc/sys/\($0.path) is 1, forwarding is on",
                            remedy: .parameter($0.path, "2", was: "1"))
                    }, else: "no default route comes of advertisements that are ignored")
            },
            HealthRule(
                .forwarding, "rp-filter",
                why:
                    "strict rp_filter (the higher of all's and the interface's counts) drops what comes by a second way"
            ) { (examination, id) throws(KernelError) in try reversePath(examination, id) },
            HealthRule(
                .forwarding, "route-localnet",
                why:
                    "neighbours by such an interface reach what listens at 127.0.0.1 alone (CVE-2020-8558), unless a rule drops it"
            ) { (examination, id) throws(KernelError) in
                let own = Set(try examination.ownBridges())
                let isKubernetes = try examination.gates().contains { $0.owner == "Kubernetes" }
                let found = try examination.perInterface("route_localnet").filter {
                    $0.value != 0 && !own.contains($0.name) && $0.name != "lo"
                }
                return Judgement(
                    found.map {
                        HealthFinding(
                            id, .warning, $0.path.dotted,
                            "127.0.0.0/8 is routed at \($0.name), which is no bridge of berth's",
                            evidence: "/proc/sys/\($0.path) is \($0.value)",
                            remedy: .parameter(
                                $0.path, "0", was: "\($0.value)",
                                toldOnly: isKubernetes ? "kube-proxy set it, for its ports at 127.0.0.1" : nil))
                    }, else: "net.ipv4.conf.*.route_localnet is 0 everywhere but on berth's bridges")
            },
            HealthRule(
                .forwarding, "accept-local", why: "packets that claim this host's own address are taken from outside"
            ) { (examination, id) throws(KernelError) in
                let found = try examination.perInterface("accept_local").filter { $0.value != 0 && $0.name != "lo" }
                return Judgement(
                    found.map {
                        HealthFinding(
                            id, .warning, $0.path.dotted, "\($0.name) takes packets from this host's own addresses",
                            evidence: "/proc/sys/\($0.path) is \($0.value)",
                            remedy: .parameter($0.path, "0", was: "\($0.value)"))
                    }, else: "net.ipv4.conf.*.accept_local is 0")
            },
            HealthRule(
                .forwarding, "proxy-arp",
                why: "this host answers ARP for addresses that others have: two answer, or none that has it"
            ) { (examination, id) throws(KernelError) in
                let found = try examination.perInterface("proxy_arp").filter { $0.value != 0 }
                return Judgement(
                    found.map {
                        HealthFinding(
                            id, .warning, $0.path.dotted, "\($0.name) answers ARP in others' names",
                            evidence: "/proc/sys/\($0.path) is \($0.value)",
                            remedy: .parameter($0.path, "0", was: "\($0.value)"))
                    }, else: "net.ipv4.conf.*.proxy_arp is 0")
            },
            HealthRule(
                .forwarding, "bridge-netfilter",
                why: "with bridge-nf-call-* the rules for routed packets are asked of frames within a bridge, too"
            ) { (examination, id) throws(KernelError) in try withinBridges(examination, id) },
            HealthRule(
                .forwarding, "mtu",
                why:
                    "containers send packets that do not fit through the uplink: TLS hangs while ping works (berth lab start 14)"
            ) { (examination, id) throws(KernelError) in
                var (findings, seen): ([HealthFinding], [String]) = ([], [])
                let uplinks = try examination.uplinks(.v4) + examination.uplinks(.v6)
                for name in try examination.ownBridges() {
                    guard let bridge = try examination.link(name) else { continue }
                    guard let least = uplinks.filter({ $0.name != name }).min(by: { $0.mtu < $1.mtu }) else { continue }
                    let words = "\(name) has mtu \(bridge.mtu), \(least.name) \(least.mtu)"
                    seen.append(words)
                    guard bridge.mtu > least.mtu else { continue }
                    findings.append(
                        HealthFinding(
                            id, .warning, name, "its MTU is greater than the uplink's", evidence: words,
                            remedy: .told(
                                "containers that stand keep theirs: put \"mtu\": \(least.mtu) into the network's list and attach them anew, or clamp TCP's segments (nft: tcp option maxseg size set rt mtu)"
                            )))
                }
                return Judgement(
                    findings, else: seen.isEmpty ? "no bridge of berth's beside an uplink" : seen.joined(by: ", "))
            },
            HealthRule(
                .forwarding, "hairpin",
                why: "a container that asks its own published port comes back by the port it left by"
            ) { (examination, id) throws(KernelError) in try hairpins(examination, id) },
        ]

    static func has(_ family: AddressFamily, _ examination: Examination) throws(KernelError) -> Bool {
        try examination.attachments().contains { $0.addresses.contains { IPPrefix($0)?.family == family } }
    }

    private static func forwardsV6(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        guard try has(.v6, examination) else { return .passed("no attachment has an IPv6 address") }
        let path = "net/ipv6/conf/all/forwarding"
        guard let value = try examination.number(path) else { return .notChecked("no /proc/sys/\(path)") }
        guard value == 0 else { return .passed("\(path.dotted) is \(value)") }
        // Before it is on: else what the uplink has of advertisements runs out.
        var remedy = Remedy([])
        var words = "/proc/sys/\(path) is 0"
        for name in try examination.advertised() {
            let accept = "net/ipv6/conf/\(name)/accept_ra"
            guard try examination.number(accept) == 1 else { continue }
            words += "; \(name)'s default route comes of router advertisements, and accept_ra is 1"
            remedy = remedy + .parameter(accept, "2", was: "1")
        }
        remedy = remedy + .parameter(path, "1", was: "0")
        for one in try examination.perInterface("forwarding", .v6) where one.value != 0 && one.name != "all" {
            remedy.undo.append(["sysctl", "-w", "\(one.path.dotted)=\(one.value)"])
        }
        return .found([
            HealthFinding(id, .error, path.dotted, "this host does not forward IPv6", evidence: words, remedy: remedy)
        ])
    }
}

extension Examination {
    /// Devices whose default route the kernel has of router advertisements (RTPROT_RA).
    func advertised() throws(KernelError) -> [String] {
        var socket = try NetlinkSocket(NETLINK_ROUTE)
        var header = rtmsg()
        header.rtm_family = AddressFamily.v6.constant
        let request = try NetlinkRequest("list routes", type: RTM_GETROUTE, flags: NLM_F_DUMP, header: header)
        var names: [String] = []
        for reply in try socket.ask(request) where reply.type == RTM_NEWROUTE {
            // struct rtmsg: family, dst_len, src_len, tos, table, protocol.
            guard let bytes = reply.header(12).map(Array.init), bytes[1] == 0, Int32(bytes[5]) == Int32(RTPROT_RA)
            else {
                continue
            }
            let index = reply.attributes(after: 12)[type: Int(RTA_OIF.rawValue)]?.u32.map { Int32(bitPattern: $0) }
            if let name = try links().first(where: { $0.index == index })?.name, !names.contains(name) {
                names.append(name)
            }
        }
        return names
    }
}
