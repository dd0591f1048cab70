import CKernel
import Glibc
import NetCore

/// `berth net neigh`: as `ip neigh`.
enum NetNeighbour {
    static let verb = NetVerb(
        name: "neigh",
        forms: [
            "berth net neigh [show [ADDRESS] [dev LINK]]", "berth net neigh flush dev LINK",
            "berth net neigh del ADDRESS dev LINK",
        ],
        run: { (words, call) throws(LabError) in
            if words.isEmpty || words.take("show", "list", "ls", "s") { return try show(&words, call) }
            if words.take("flush") { return try forget(&words, call, isOne: false) }
            if words.take("del", "delete") { return try forget(&words, call, isOne: true) }
            throw words.fault("cannot make sense of \"\(words.first ?? "")\"")
        })

    private static func show(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        var (address, link): (IPAddress?, Link?) = (nil, nil)
        while !words.isEmpty {
            if words.take("dev") {
                link = try call.link(try words.link())
            } else {
                _ = words.take("to")
                address = try words.address()
            }
        }
        let (neighbours, links) = try call.route("list neighbours", show: "berth net link") {
            (socket) throws(KernelError) in (try socket.neighbours(), try socket.links())
        }
        for one in neighbours where one.state & UInt16(NUD_NOARP) == 0 {
            guard address == nil || one.address == address, link == nil || one.link == link?.index else { continue }
            call.say(
                "\(one.address) dev \(NetListing.name(one.link, links))" + (one.mac.map { " lladdr \($0)" } ?? "")
                    + " \(one.stateName)")
        }
        return 0
    }

    private static func forget(_ words: inout NetWords, _ call: NetCall, isOne: Bool) throws(LabError) -> Int32 {
        let address = isOne ? try words.address() : nil
        guard words.take("dev") else { throw words.fault("the link is missing: dev LINK") }
        let link = try call.link(try words.link())
        try words.end()
        try NetPlace.mustBeApart()
        let fixed = UInt16(NUD_PERMANENT | NUD_NOARP)
        let count = try call.route("forget neighbours on \(link.name)", show: "berth net neigh") {
            (socket) throws(KernelError) in
            let found = try socket.neighbours().filter {
                $0.link == link.index && (isOne ? $0.address == address : $0.state & fixed == 0)
            }
            for one in found {
                let request = try NeighbourRequest.forget(one.address, on: one.link, named: link.name)
                // It may have gone by itself meanwhile.
                _ = try ignoring(.noSuchFile) { () throws(KernelError) in try socket.perform([request]) }
            }
            return found.count
        }
        if let address, count == 0 {
            throw LabError(
                .name, "this node knows nobody as \(address) on \(link.name)",
                fix: "see whom it knows: berth net neigh")
        }
        call.same(["ip neigh \(address.map { "del \($0)" } ?? "flush") dev \(link.name)"])
        return 0
    }
}
