import NetCore

/// The worlds that come with the program.
public enum StandardWorlds {
    public static let all: [WorldDescription] = [standard, box]

    public static func named(_ name: String) -> WorldDescription? { all.first { $0.name == name } }

    /// Client, internet, a host with a bridge, and two nodes on it. Nothing is translated: inet has no way back to
    /// 10.88.0.0/24, as the internet has none to anybody's private addresses.
    public static let standard: WorldDescription = {
        var client = NodeDescription("client")
        client.routes = routes("203.0.113.1", "2001:db8:203::1")
        var inet = NodeDescription("inet")
        inet.forwards = true
        var host = NodeDescription("host")
        host.forwards = true
        host.bridges = [BridgeDescription("br0", addresses: prefixes("10.88.0.1/24", "fd00:88::1/64"))]
        host.routes = routes("198.51.100.1", "2001:db8:198::1")
        var web = NodeDescription("web")
        web.routes = routes("10.88.0.1", "fd00:88::1")
        var app = NodeDescription("app")
        app.routes = web.routes
        return WorldDescription(
            "standard", title: "client, inet, host with bridge br0, web and app",
            nodes: [client, inet, host, web, app],
            cables: [
                CableDescription(
                    .init("client", "eth0", addresses: prefixes("203.0.113.10/24", "2001:db8:203::10/64")),
                    .init("inet", "eth0", addresses: prefixes("203.0.113.1/24", "2001:db8:203::1/64"))),
                CableDescription(
                    .init("inet", "eth1", addresses: prefixes("198.51.100.1/24", "2001:db8:198::1/64")),
                    .init("host", "eth0", addresses: prefixes("198.51.100.2/24", "2001:db8:198::2/64"))),
                CableDescription(
                    .init("host", "vweb", bridge: "br0"),
                    .init("web", "eth0", addresses: prefixes("10.88.0.2/24", "fd00:88::2/64"))),
                CableDescription(
                    .init("host", "vapp", bridge: "br0"),
                    .init("app", "eth0", addresses: prefixes("10.88.0.3/24", "fd00:88::3/64"))),
            ])
    }()

    /// One node, as the kernel makes it: `lo` is there and down, and that is all.
    public static let box: WorldDescription = {
        var box = NodeDescription("box")
        box.loopback = false
        return WorldDescription("box", title: "one empty network stack", nodes: [box])
    }()

    private static func prefixes(_ texts: String...) -> [IPPrefix] { texts.map { IPPrefix($0)! } }

    /// Default routes, a family each.
    private static func routes(_ gateways: String...) -> [RouteDescription] {
        gateways.map { text in
            let gateway = IPAddress(text)!
            return RouteDescription(IPPrefix(IPAddress(family: gateway.family, value: 0), length: 0), via: gateway)
        }
    }
}
