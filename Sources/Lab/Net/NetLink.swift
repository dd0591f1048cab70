import CKernel
import Glibc
import NetCore

/// `berth net link`: as `ip link`.
enum NetLink {
    static let verb = NetVerb(
        name: "link",
        forms: [
            "berth net link [show [NAME]]", "berth net link add NAME type veth peer name NAME [netns NODE]",
            "berth net link add NAME [address MAC] type bridge",
            "berth net link set NAME up|down|master BRIDGE|nomaster|address MAC|mtu N|name NAME|netns NODE",
            "berth net link del NAME",
        ],
        run: { (words, call) throws(LabError) in
            if words.isEmpty || words.take("show", "list", "ls", "s") { return try show(&words, call) }
            if words.take("add", "a") { return try add(&words, call) }
            if words.take("set") { return try set(&words, call) }
            if words.take("del", "delete") { return try delete(&words, call) }
            throw words.fault("cannot make sense of \"\(words.first ?? "")\"")
        })

    private static func show(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("dev")
        let chosen = words.isEmpty ? nil : try call.link(try words.link())
        try words.end()
        for line in try NetListing.links(call).filter({ chosen == nil || $0.link.index == chosen?.index }) {
            for text in line.text { call.say(text) }
        }
        return 0
    }

    private static func add(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("dev", "name")
        let name = try words.link()
        var mac: MACAddress?
        while !words.take("type") {
            guard words.take("address") else {
                throw words.fault(words.first.map { "cannot make sense of \"\($0)\"" } ?? "its type is missing")
            }
            mac = try words.mac()
        }
        let type = try words.next("its type")
        switch type {
        case "bridge":
            try words.end()
            try NetPlace.mustBeApart()
            try call.route("add bridge \(name)", show: "berth net link show \(name)") { (socket) throws(KernelError) in
                try socket.perform([try LinkRequest.addBridge(name, mac: mac, mtu: nil)])
            }
            call.same(["ip link add \(name)\(mac.map { " address \($0)" } ?? "") type bridge"])
        case "veth":
            guard mac == nil else {
                throw words.fault("a veth's address is set afterwards: berth net link set \(name) address …")
            }
            try addVeth(name, &words, call)
        default:
            throw words.fault("\"\(type)\" is no type that it can make", cause: "it makes veth and bridge")
        }
        return 0
    }

    private static func addVeth(_ name: LinkName, _ words: inout NetWords, _ call: NetCall) throws(LabError) {
        guard words.take("peer") else { throw words.fault("the other end is missing: peer name NAME") }
        _ = words.take("name")
        let peer = try words.link("the other end's name")
        let node = words.take("netns") ? try words.next("the node") : nil
        try words.end()
        if node == nil, peer == name { throw words.fault("both ends in one node need two names") }
        let namespace =
            if let node { try NetPlace.namespace(node) } else {
                try during("look at this network") { () throws(KernelError) in try NetworkNamespace.current() }
            }
        let number = namespace.number
        try NetPlace.mustBeApart()
        try call.route("add veth \(name)", show: "berth net link") { (socket) throws(KernelError) in
            try socket.perform([
                try LinkRequest.addVethPair(
                    host: name, up: false, master: nil, mtu: nil, container: peer, containerMAC: nil,
                    namespace: number)
            ])
        }
        call.same(["ip link add \(name) type veth peer name \(peer)\(node.map { " netns \($0)" } ?? "")"])
    }

    private static func set(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("dev")
        let name = try words.link()
        var changes = LinkRequest.Changes()
        var (node, newName): (String?, LinkName?) = (nil, nil)
        var told: [String] = []
        guard !words.isEmpty else { throw words.fault("what is to be set of \(name) is missing") }
        while let word = words.next() {
            switch word {
            case "up", "down":
                changes.up = word == "up"
                told.append(word)
            case "master":
                let bridge = try call.link(try words.link("the bridge's name"))
                changes.master = bridge.index
                told.append("master \(bridge.name)")
            case "nomaster":
                changes.master = 0
                told.append(word)
            case "address":
                let mac = try words.mac()
                changes.mac = mac
                told.append("address \(mac)")
            case "mtu":
                let mtu = try words.number("mtu", 68...65535)
                changes.mtu = mtu
                told.append("mtu \(mtu)")
            case "name":
                let new = try words.link("the new name")
                newName = new
                told.append("name \(new)")
            case "netns":
                let place = try words.next("the node")
                node = place
                told.append("netns \(place)")
            default: throw words.fault("cannot make sense of \"\(word)\"")
            }
        }
        let link = try call.link(name)
        try NetPlace.mustBeApart()
        let text = "set link \(name) \(told.joined(by: " "))"
        let (changed, renamed, moved) = (changes, newName, node)
        var number: Int32?
        if let moved {
            let place = try NetPlace.namespace(moved)
            // Open until the message is sent.
            number = fcntl(place.number, F_DUPFD_CLOEXEC, 3)
        }
        defer { if let number { close(number) } }
        let target = number
        try call.route(text, show: "berth net link show \(name)") { (socket) throws(KernelError) in
            if changed != LinkRequest.Changes() {
                try socket.perform([try LinkRequest.set(link.name, changed, text)])
            }
            if let renamed { try socket.perform([try LinkRequest.rename(link, to: renamed)]) }
            if let target { try socket.perform([try LinkRequest.move(link, to: target, text)]) }
        }
        call.same(["ip link set \(name) \(told.joined(by: " "))"])
        return 0
    }

    private static func delete(_ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        _ = words.take("dev")
        let name = try words.link()
        try words.end()
        let link = try call.link(name)
        try NetPlace.mustBeApart()
        try call.route("delete link \(name)", show: "berth net link") { (socket) throws(KernelError) in
            try socket.perform([try LinkRequest.delete(link)])
        }
        call.same(["ip link del \(name)"])
        return 0
    }
}

extension LinkRequest {
    /// `ip link set NAME netns …`, by an open descriptor of the namespace.
    static func move(
        _ link: Link, to namespace: Int32, _ operation: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError) -> NetlinkRequest {
        var header = ifinfomsg()
        header.ifi_index = link.index
        return try NetlinkRequest(operation(), type: RTM_NEWLINK, flags: 0, header: header) {
            $0.put(IFLA_NET_NS_FD, UInt32(bitPattern: namespace))
        }
    }
}
