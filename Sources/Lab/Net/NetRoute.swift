import CKernel
import Glibc
import NetCore

/// `berth net route`: as `ip route`.
enum NetRoute {
    static let verb = NetVerb(
        name: "route",
        forms: [
            "berth net [-6] route [show]", "berth net route add default|NETWORK [via ADDRESS] [dev LINK]",
            "berth net route del default|NETWORK [via ADDRESS] [dev LINK]", "berth net route get ADDRESS",
        ],
        run: { (words, call) throws(LabError) in
            if words.isEmpty || words.take("show", "list", "ls", "s") { return try show(&words, call) }
            let isAdded = words.take("add", "a")
            if isAdded || words.take("del", "delete") { return try change(&words, call, isAdded: isAdded) }
            if words.take("get") { return try get(&words, call) }
            throw words.fault("cannot make sense of \"\(words.first ?? "")\"")
        })

    private static func show(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        try words.end()
        let (routes, links) = try call.route("list routes", show: "berth net link") { (socket) throws(KernelError) in
            (try socket.routes(call.family, table: UInt8(RT_TABLE_MAIN.rawValue)), try socket.links())
        }
        for route in routes { call.say(text(route, links)) }
        return 0
    }

    /// "default via 10.88.0.1 dev eth0".
    private static func text(_ route: Route, _ links: [Link]) -> String {
        (route.isDefault ? "default" : "\(route.destination)") + (route.gateway.map { " via \($0)" } ?? "")
            + (route.link.map { " dev \(NetListing.name($0, links))" } ?? "")
            + (route.scope == Int(RT_SCOPE_LINK.rawValue) ? " scope link" : "")
            + (route.priority.map { " metric \($0)" } ?? "")
    }

    private static func change(_ words: inout NetWords, _ call: NetCall, isAdded: Bool) throws(LabError) -> Int32 {
        let isDefault = words.take("default")
        let named = isDefault ? nil : try words.prefix("network")
        var (gateway, link): (IPAddress?, Link?) = (nil, nil)
        while let word = words.next() {
            switch word {
            case "via": gateway = try words.address("the neighbour's address")
            case "dev": link = try call.link(try words.link())
            default: throw words.fault("cannot make sense of \"\(word)\"")
            }
        }
        let family = gateway?.family ?? call.family
        let destination = named ?? IPPrefix(IPAddress(family: family, value: 0), length: 0)
        guard gateway == nil || gateway?.family == destination.family else {
            throw words.fault("\(destination) and \(gateway!) are of two families")
        }
        guard destination.isNetwork else {
            throw words.fault("\(destination) is an address, and no network: its network is \(destination.network)")
        }
        if isAdded, gateway == nil, link == nil { throw words.fault("by which way? say via ADDRESS, or dev LINK") }
        try NetPlace.mustBeApart()
        var route = Route(destination: destination, gateway: gateway, link: link?.index)
        // Whatever scope it has.
        if !isAdded { route.scope = Int(RT_SCOPE_NOWHERE.rawValue) }
        let words =
            (isDefault ? "default" : "\(destination)") + (gateway.map { " via \($0)" } ?? "")
            + (link.map { " dev \($0.name)" } ?? "")
        let wanted = route
        try call.route("\(isAdded ? "add" : "delete") route \(words)", show: "berth net route") {
            (socket) throws(KernelError) in
            try socket.perform([isAdded ? try wanted.addAloneRequest(words) : try wanted.deleteRequest(words)])
        }
        call.same(["ip \(destination.family == .v6 ? "-6 " : "")route \(isAdded ? "add" : "del") \(words)"])
        return 0
    }

    private static func get(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        let address = try words.address()
        try words.end()
        let (route, links, isLocal) = try call.route("find the way to \(address)", show: "berth net route") {
            (socket) throws(KernelError) in
            (try socket.route(to: address), try socket.links(), try socket.isLocal(address))
        }
        guard let route else {
            call.say(isLocal ? "local \(address) dev lo" : "\(address): this node's routes refuse it")
            return isLocal ? 0 : 2
        }
        call.say(
            "\(address)" + (route.gateway.map { " via \($0)" } ?? "")
                + (route.link.map { " dev \(NetListing.name($0, links))" } ?? ""))
        return 0
    }
}
