import CKernel
import Glibc
import NetCore

/// `berth net bridge`: as `bridge`, to look at ports and at the forwarding database.
enum NetBridge {
    static let verb = NetVerb(
        name: "bridge",
        forms: [
            "berth net bridge link [show]", "berth net bridge fdb [show] [br BRIDGE] [brport PORT] [dynamic]",
        ],
        run: { (words, call) throws(LabError) in
            if words.take("link") { return try ports(&words, call) }
            if words.take("fdb") { return try entries(&words, call) }
            throw words.fault(
                words.first.map { "cannot make sense of \"\($0)\"" } ?? "what is to be shown is missing: link or fdb")
        })

    private static func ports(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("show")
        try words.end()
        let links = try NetListing.links(call).map(\.link)
        for link in links where link.portState != nil {
            call.say(
                "\(NetListing.head(link, among: links).split(separator: " ").dropLast(2).joined(separator: " "))"
                    + " state \(NetListing.portState(link.portState))")
        }
        return 0
    }

    private static func entries(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("show")
        var (bridge, port, isDynamic): (Link?, Link?, Bool) = (nil, nil, false)
        while let word = words.next() {
            switch word {
            case "br": bridge = try call.link(try words.link("the bridge's name"))
            case "brport", "dev": port = try call.link(try words.link("the port's name"))
            case "dynamic": isDynamic = true
            default: throw words.fault("cannot make sense of \"\(word)\"")
            }
        }
        let (entries, links) = try call.route("list the forwarding database", show: "berth net link") {
            (socket) throws(KernelError) in (try socket.bridgeEntries(), try socket.links())
        }
        for entry in entries {
            guard bridge == nil || entry.bridge == bridge?.index, port == nil || entry.port == port?.index,
                !isDynamic || entry.isLearned
            else { continue }
            let vlan = entry.vlan.map { " vlan \($0)" } ?? ""
            let state = entry.isPermanent ? " permanent" : entry.isLearned ? "" : " static"
            call.say(
                "\(entry.mac) dev \(NetListing.name(entry.port, links))\(vlan) "
                    + "master \(NetListing.name(entry.bridge, links))\(state)")
        }
        return 0
    }
}
