import Glibc
import NetCore

/// `berth net address`: as `ip address`.
enum NetAddress {
    static let verb = NetVerb(
        name: "address",
        forms: [
            "berth net address [show [dev LINK]]", "berth net address add ADDRESS/LENGTH dev LINK",
            "berth net address del ADDRESS/LENGTH dev LINK", "berth net address flush dev LINK",
        ],
        run: { (words, call) throws(LabError) in
            if words.isEmpty || words.take("show", "list", "ls", "s") { return try show(&words, call) }
            let isAdded = words.take("add", "a")
            if isAdded || words.take("del", "delete") { return try change(&words, call, isAdded: isAdded) }
            if words.take("flush") { return try flush(&words, call) }
            throw words.fault("cannot make sense of \"\(words.first ?? "")\"")
        })

    private static func show(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("dev")
        let chosen = words.isEmpty ? nil : try call.link(try words.link())
        try words.end()
        let addresses = try call.route("list addresses", show: "berth net link") { (socket) throws(KernelError) in
            try socket.addresses()
        }
        for line in try NetListing.links(call) where chosen == nil || line.link.index == chosen?.index {
            for text in line.text { call.say(text) }
            for address in addresses where address.link == line.link.index {
                let scope =
                    address.prefix.address.isLoopback ? "host" : address.isLinkLocal ? "link" : "global"
                let more =
                    (address.isTentative ? " tentative" : "") + (address.isDuplicate ? " dadfailed" : "")
                call.say(
                    "    \(address.prefix.family == .v4 ? "inet" : "inet6") \(address.prefix) scope \(scope)\(more)")
            }
        }
        return 0
    }

    private static func change(_ words: inout NetWords, _ call: NetCall, isAdded: Bool) throws(LabError) -> Int32 {
        _ = words.take("local")
        let prefix = try words.prefix("address with its length")
        if isAdded, words.take("brd", "broadcast") { _ = words.take("+") }
        guard words.take("dev") else { throw words.fault("the link is missing: dev LINK") }
        let link = try call.link(try words.link())
        try words.end()
        try NetPlace.mustBeApart()
        let task = isAdded ? "add address \(prefix) to \(link.name)" : "delete address \(prefix) from \(link.name)"
        try call.route(task, show: "berth net address show dev \(link.name)") { (socket) throws(KernelError) in
            try socket.perform([
                isAdded
                    ? try AddressRequest.add(prefix, to: link.index, named: link.name)
                    : try AddressRequest.delete(prefix, from: link.index, named: link.name)
            ])
        }
        // IPv4 gets its broadcast address, which ip sets by a word.
        let broadcast = isAdded && prefix.family == .v4 && prefix.length < 31 ? " brd +" : ""
        call.same(["ip address \(isAdded ? "add" : "del") \(prefix)\(broadcast) dev \(link.name)"])
        return 0
    }

    private static func flush(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        guard words.take("dev") else { throw words.fault("the link is missing: dev LINK") }
        let link = try call.link(try words.link())
        try words.end()
        try NetPlace.mustBeApart()
        try call.route("take the addresses of \(link.name)", show: "berth net address") {
            (socket) throws(KernelError) in
            for address in try socket.addresses(of: link.index) {
                // With the first of a network the kernel takes the others of it.
                _ = try ignoring(.noSuchAddress) { () throws(KernelError) in
                    try socket.perform([try AddressRequest.delete(address.prefix, from: link.index, named: link.name)])
                }
            }
        }
        call.same(["ip address flush dev \(link.name)"])
        return 0
    }
}
