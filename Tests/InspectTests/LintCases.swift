import CNI
import NATPlugin
import NetCore

@testable import Inspect

/// A mistake with the rule that names it, and the same without the mistake. "▶" stands before what the finding points at.
struct LintCase: Sendable, CustomStringConvertible {
    let rule: LintRule
    /// What the reason, or the way to mend it, must say.
    let word: String
    let bad: [String: String]
    let good: [String: String]
    var host = LintHost()
    /// A warning where its rule tells of errors.
    var isLight: Bool { word == "counts as 0.1.0" || word == "10.0.0.0/8 by vpn0" }

    var description: String { "\(rule.rawValue): \(word)" }

    init(_ rule: LintRule, _ word: String, bad: [String: String], good: [String: String], host: LintHost = LintHost()) {
        self.rule = rule
        self.word = word
        self.bad = bad
        self.good = good
        self.host = host
    }

    /// One file each.
    init(_ rule: LintRule, _ word: String, bad: String, good: String, host: LintHost = LintHost()) {
        self.init(rule, word, bad: ["10-web.conflist": bad], good: ["10-web.conflist": good], host: host)
    }

    /// A list that nothing is wrong with, one plugin a line.
    static func list(
        name: String = #""web""#, version: String = #""cniVersion": "1.1.0", "#, bridge: String = #""web0""#,
        more: String = "", subnet: String = #""10.20.0.0/24""#,
        rest: String = """
        ,
          { "type": "portmap", "capabilities": { "portMappings": true } },
          { "type": "firewall" }
        """
    ) -> String {
        """
        { \(version)"name": \(name), "plugins": [
          { "type": "bridge", "bridge": \(bridge), "isDefaultGateway": true, "ipMasq": true\(more),
            "ipam": { "type": "host-local", "ranges": [[{ "subnet": \(subnet) }]] } }\(rest)
        ] }
        """
    }

    static func host(_ routes: LintHost.Route..., mtu: Int = 1500, drops: [String] = []) -> LintHost {
        var host = LintHost()
        host.routes = routes
        host.uplink = LintHost.Uplink(name: "eth0", mtu: mtu)
        host.drops = drops
        return host
    }

    /// With plugins at no path but our own in this process.
    static var knowing: LintHost {
        var host = LintHost()
        host.caller = PluginCaller(
            builtIn: { OwnPlugins.plugin($0) }, path: ["/nowhere"], environment: Environment([:]))
        return host
    }

    private static func route(_ destination: String, _ link: String, direct: Bool = true) -> LintHost.Route {
        LintHost.Route(destination: IPPrefix(destination)!, link: link, isDirect: direct)
    }

    private static let good = list()
    /// A list with ptp.
    private static func cables(_ subnet: String, masquerade: String = "", routes: String = "") -> String {
        """
        { "cniVersion": "1.1.0", "name": "cables", "plugins": [
          { "type": "ptp", \(masquerade)"ipam": { "type": "host-local", "ranges": [[{ \(subnet) }]]\(routes) } }
        ] }
        """
    }
    /// A list with static, its `ipam`'s other keys given.
    private static func fixed(_ keys: String, more: String = "") -> String {
        #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ "type": "bridge"\#(more), "ipam": { "type": "static", \#(keys) } }] }"#
    }

    private static let published = list(
        rest: ",\n  { \"type\": \"portmap\", \"capabilities\": { \"portMappings\": true } }")
    private static func behindFirewall(_ keys: String = "") -> String {
        list(
            rest: ",\n  { \"type\": \"portmap\", \"capabilities\": { \"portMappings\": true } }"
                + ",\n  { \"type\": \"firewall\"\(keys) }")
    }
    private static let other = list(name: #""lan""#, bridge: #""lan0""#, subnet: #""10.30.0.0/24""#)

    static let all: [LintCase] = [
        // MARK: in one file
        LintCase(.notJSON, "not JSON", bad: #"{ "name": "web",▶}"#, good: good),
        LintCase(.notJSON, "an array", bad: "▶[]", good: good),
        LintCase(
            .repeatedKey, "plugins[0].mtu", bad: list(more: ", \"mtu\": 1500,\n ▶\"mtu\": 1400"),
            good: list(more: ", \"mtu\": 1400")),
        LintCase(
            .wrongEnding, "10-web.conflist",
            bad: ["10-web.conf": good.replacing("\"plugins\"", "▶\"plugins\"")], good: ["10-web.conflist": good]),
        LintCase(
            .wrongEnding, "lone plugin",
            bad: ["10-lo.conflist": #"{ "cniVersion": "1.0.0", "name": "lo", ▶"type": "loopback" }"#],
            good: ["10-lo.conf": #"{ "cniVersion": "1.0.0", "name": "lo", "type": "loopback" }"#]),
        LintCase(.badList, "name", bad: list(name: #""a/b""#).replacing("\"name\"", "▶\"name\""), good: good),
        LintCase(
            .badList, "has no plugins", bad: #"{ "cniVersion": "1.0.0", "name": "web", ▶"plugins": [] }"#, good: good),
        LintCase(
            .badList, "type", bad: #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [▶{ "bridge": "web0" }] }"#,
            good: good),
        LintCase(.badVersion, "2.0.0", bad: list(version: #"▶"cniVersion": "2.0.0", "#), good: good),
        LintCase(.badVersion, "latest", bad: list(version: #"▶"cniVersion": "latest", "#), good: good),
        LintCase(.badVersion, "counts as 0.1.0", bad: "▶" + list(version: ""), good: good),

        // MARK: in one plugin
        LintCase(
            .missingPlugin, "portmap", bad: list(rest: ",\n  { ▶\"type\": \"portmpa\" }"),
            good: published, host: knowing),
        LintCase(
            .missingPlugin, "dhcp",
            bad:
                #"{ "cniVersion": "1.0.0", "name": "w", "plugins": [{ "type": "bridge", "ipam": { ▶"type": "dhcp" } }] }"#,
            good: #"{ "cniVersion": "1.0.0", "name": "w", "plugins": [{ "type": "bridge" }] }"#, host: knowing),
        LintCase(.badValue, "many", bad: list(more: ", ▶\"mtu\": \"many\""), good: list(more: ", \"mtu\": 1400")),
        LintCase(.badValue, "vlan", bad: list(more: ", ▶\"vlan\": 7"), good: list(more: ", \"vlan\": 0")),
        LintCase(
            .badValue, "host bits", bad: list(subnet: #""10.20.0.1/24""#).replacing("\"subnet\"", "▶\"subnet\""),
            good: good),
        LintCase(
            .badValue, "RangeEnd 10.21.0.9 not in network",
            bad: list(subnet: #""10.20.0.0/24", ▶"rangeEnd": "10.21.0.9""#),
            good: list(subnet: #""10.20.0.0/24", "rangeEnd": "10.20.0.9""#)),
        LintCase(
            .unknownKey, "hairpinMode", bad: list(more: ", ▶\"hairpinmode\": true"),
            good: list(more: ", \"hairpinMode\": true")),
        LintCase(
            .unknownKey, "rangeStart", bad: list(subnet: #""10.20.0.0/24", ▶"range-start": "10.20.0.9""#),
            good: list(subnet: #""10.20.0.0/24", "rangeStart": "10.20.0.9""#)),
        LintCase(
            .badValue, "plugin static", bad: fixed(##""addresses": [{ ▶"address": "10.20.0.9" }]"##),
            good: fixed(##""addresses": [{ "address": "10.20.0.9/24" }]"##)),
        LintCase(
            .unknownKey, "addresses", bad: fixed(##"▶"address": []"##), good: fixed(##""addresses": []"##)),
        LintCase(
            .unusedCapability, "ipRanges",
            bad: fixed(##""routes": []"##, more: ##", "capabilities": { ▶"ipRanges": true }"##),
            good: fixed(##""routes": []"##, more: ##", "capabilities": { "ips": true }"##)),
        LintCase(
            .noDefaultRoute, "::/0",
            bad: fixed(##""addresses": [{ "address": "fd00::9/64" }]"##, more: ##", ▶"ipMasq": true"##),
            good: fixed(
                ##""addresses": [{ "address": "fd00::9/64" }], "routes": [{ "dst": "::/0" }]"##,
                more: ##", "ipMasq": true"##)),
        LintCase(
            .unknownKey, "docs/plugins/firewall.md", bad: list(rest: ",\n  { \"type\": \"firewall\", ▶\"quic\": 1 }"),
            good: list(rest: ",\n  { \"type\": \"firewall\", \"_comment\": \"1\", \"nerdctl/id\": \"1\" }")),
        LintCase(
            .unusedCapability, "portMappings",
            bad: list(more: ", \"capabilities\": { \"ips\": true, ▶\"portMappings\": true }"),
            good: list(more: ", \"capabilities\": { \"ips\": true, \"mac\": true, \"portMappings\": false }")),
        LintCase(
            .missingCapability, "capabilities", bad: list(rest: ",\n  { ▶\"type\": \"portmap\" }"),
            good: published),
        LintCase(
            .noDefaultRoute, "0.0.0.0/0",
            bad: good.replacing("isDefaultGateway", "isGateway").replacing("\"ipMasq\"", "▶\"ipMasq\""),
            good: good.replacing("isDefaultGateway", "isGateway").replacing(
                "[[{ \"subnet\": \"10.20.0.0/24\" }]]",
                "[[{ \"subnet\": \"10.20.0.0/24\" }]], \"routes\": [{ \"dst\": \"0.0.0.0/0\" }]")),

        // MARK: among the plugins of a list
        LintCase(
            .pluginOrder, "stands first",
            bad:
                #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ ▶"type": "firewall" }, { "type": "bridge" }] }"#,
            good:
                #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ "type": "bridge" }, { "type": "firewall" }] }"#),
        LintCase(
            .pluginOrder, "bridge has made already",
            bad: list(rest: ",\n  { ▶\"type\": \"macvlan\", \"master\": \"eth0\" }"),
            good: #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ "type": "macvlan", "master": "eth0" }] }"#),
        LintCase(
            .pluginOrder, "does not pass the host",
            bad:
                #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ "type": "macvlan", "master": "eth0" }, { ▶"type": "firewall" }] }"#,
            good: #"{ "cniVersion": "1.0.0", "name": "web", "plugins": [{ "type": "macvlan", "master": "eth0" }] }"#),
        LintCase(
            .pluginTwice, "firewall", bad: list(rest: ",\n { \"type\": \"firewall\" },\n  { ▶\"type\": \"firewall\" }"),
            good: list(rest: ",\n { \"type\": \"firewall\" }")),

        // MARK: among the lists of a directory
        LintCase(
            .sameName, "10-web.conflist",
            bad: ["10-web.conflist": good, "20-web.conflist": other.replacing(#""name": "lan""#, #"▶"name": "web""#)],
            good: ["10-web.conflist": good, "20-lan.conflist": other]),
        LintCase(
            .twoDefaults, "both have the number 10",
            bad: ["10-web.conflist": good, "10-xan.conflist": other.replacing("\"name\"", "▶\"name\"")],
            good: ["10-web.conflist": good, "11-xan.conflist": other]),
        LintCase(
            .twoDefaults, "lower number",
            bad: ["10-web.conflist": good, "9-lan.conflist": other.replacing("\"name\"", "▶\"name\"")],
            good: ["09-lan.conflist": other, "10-web.conflist": good]),
        LintCase(
            .overlappingNetworks, "10.20.0.0/24",
            bad: [
                "10-web.conflist": good,
                "20-lan.conflist": other.replacing(#""subnet": "10.30.0.0/24""#, #"▶"subnet": "10.20.0.128/25""#),
            ],
            good: [
                "10-web.conflist": good,
                "20-lan.conflist": other.replacing("10.30.0.0/24", "10.20.1.128/25"),
            ]),
        LintCase(
            .overlappingNetworks, "10.20.0.128/25",
            bad: [
                "10-web.conflist": good,
                "20-cables.conflist": cables(#"▶"subnet": "10.20.0.128/25""#),
            ],
            good: ["10-web.conflist": good, "20-cables.conflist": cables(#""subnet": "10.30.0.0/24""#)]),
        LintCase(
            .noDefaultRoute, "IPv4",
            bad: cables(#""subnet": "10.30.0.0/24""#, masquerade: #"▶"ipMasq": true, "#),
            good: cables(
                #""subnet": "10.30.0.0/24""#, masquerade: #""ipMasq": true, "#,
                routes: #", "routes": [{ "dst": "0.0.0.0/0" }]"#)),
        LintCase(
            .sharedBridge, "one IPv4 gateway",
            bad: [
                "10-web.conflist": good,
                "20-lan.conflist": other.replacing(#""bridge": "lan0""#, #"▶"bridge": "web0""#),
            ],
            good: ["10-web.conflist": good, "20-lan.conflist": other]),
        LintCase(
            .sharedBridge, "rangeStart",
            bad: [
                "10-web.conflist": good,
                "20-lan.conflist": list(name: #""lan""#).replacing("\"subnet\"", "▶\"subnet\""),
            ],
            good: [
                "10-web.conflist": list(subnet: #""10.20.0.0/24", "rangeEnd": "10.20.0.99""#),
                "20-lan.conflist": list(name: #""lan""#, subnet: #""10.20.0.0/24", "rangeStart": "10.20.0.100""#),
            ]),

        // MARK: against the host
        LintCase(
            .overlappingRoute, "10.20.0.128/25 by eth1", bad: good.replacing("\"subnet\"", "▶\"subnet\""), good: good,
            host: host(
                route("10.20.0.128/25", "eth1"), route("10.0.0.0/8", "vpn0", direct: false),
                // A container's, of a network without a bridge.
                route("10.20.0.9/32", "veth451fbda28a8"))),
        LintCase(
            .overlappingRoute, "10.0.0.0/8 by vpn0", bad: good.replacing("\"subnet\"", "▶\"subnet\""), good: good,
            host: host(route("10.0.0.0/8", "vpn0", direct: false))),
        LintCase(
            .mtuAboveUplink, "1450 of eth0", bad: list(more: ", ▶\"mtu\": 1500"), good: list(more: ", \"mtu\": 1450"),
            host: host(mtu: 1450)),
        LintCase(
            .forwardDrop, "the firewall plugin", bad: published.replacing("\"type\"", "▶\"type\""), good: published,
            host: host(drops: ["chain ip filter FORWARD has policy drop"])),
        LintCase(
            .forwardDrop, "firewalld",
            bad: behindFirewall().replacing("\"type\"", "▶\"type\""),
            good: behindFirewall(", \"backend\": \"firewalld\""), host: host(drops: [ForeignFirewall.firewalld])),
    ]
}

extension String {
    /// The first `part` gives way.
    func replacing(_ part: String, _ other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
