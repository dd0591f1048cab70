import CKernel
import Glibc
import NetCore

/// The namespaces of a machine that a packet may come through, found by their cables.
public enum HostNodes {
    /// So many are listened to at most.
    public static let limit = 12

    /// The node that `name` means: `netns:/run/netns/x`, `pid:123`, "host" (the caller's own; "here" where /run/netns has a host), or a name of /run/netns. Throws when
    /// it means none.
    public static func named(_ name: String, others: [NodeReference] = []) throws(TraceError) -> NodeReference {
        if let other = others.first(where: { $0.name == name }) { return other }
        let node: NodeReference
        if name.hasPrefix("netns:") {
            let path = String(name.dropFirst(6))
            let last = path.split(separator: "/").last.map(String.init) ?? path
            node = NodeReference(name: path.hasPrefix("/run/netns/") ? last : name, namespace: path)
        } else if name.hasPrefix("pid:") {
            guard let pid = Int32(name.dropFirst(4)), pid > 0 else {
                throw TraceError.badProbe("\"\(name)\" is no process: pid:NUMBER is expected")
            }
            node = NodeReference(name: name, namespace: "/proc/\(pid)/ns/net", pid: pid)
        } else if name == "here" || name == "host" && !NetworkNamespace.isOpenable("/run/netns/host") {
            return NodeReference(name: name, namespace: "/proc/thread-self/ns/net")
        } else if name.contains("/") || name.isEmpty {
            throw TraceError.noSuchNode(name, known: familiar(others))
        } else {
            node = NodeReference(name: name, namespace: "/run/netns/\(name)")
        }
        guard NetworkNamespace.isOpenable(node.namespace) else {
            throw TraceError.noSuchNode(name, known: familiar(others))
        }
        return node
    }

    /// Names to choose from: processes are too many.
    private static func familiar(_ others: [NodeReference]) -> [String] {
        all(others).map(\.name).filter { !$0.hasPrefix("pid:") } + ["netns:PATH", "pid:NUMBER"]
    }

    /// Every namespace of the machine that the caller can see, once each: its own, those of /run/netns, those of processes.
    static func all(_ first: [NodeReference] = []) -> [NodeReference] { identified(first).map(\.node) }

    /// As above, with the inode of each namespace, which is looked at to see that it comes once.
    public static func identified(_ first: [NodeReference]) -> [(node: NodeReference, inode: UInt64)] {
        var found: [(NodeReference, UInt64)] = []
        var seen: Set<NetworkNamespace.Identity> = []
        var taken: Set<String> = []
        let own = NetworkNamespace.Identity(path: "/proc/thread-self/ns/net")
        let add = { (node: NodeReference) in
            guard let identity = NetworkNamespace.Identity(path: node.namespace), !seen.contains(identity),
                !taken.contains(node.name),
                // A file of the kernel's namespaces is not opened to see that it is one: there may be a thousand.
                identity.device == own?.device || NetworkNamespace.isOpenable(node.namespace)
            else { return }
            seen.insert(identity)
            taken.insert(node.name)
            found.append((node, identity.inode))
        }
        for node in first { add(node) }
        let names = (try? Files.names(in: "/run/netns")) ?? []
        add(NodeReference(name: names.contains("host") ? "here" : "host", namespace: "/proc/thread-self/ns/net"))
        for name in names.sorted() {
            add(NodeReference(name: name, namespace: "/run/netns/\(name)"))
        }
        for pid in ((try? Files.names(in: "/proc")) ?? []).compactMap({ Int32($0) }).sorted() {
            add(NodeReference(name: "pid:\(pid)", namespace: "/proc/\(pid)/ns/net", pid: pid))
        }
        return found
    }

    /// Every namespace of the machine that the caller can see, once each; `first` have their names already.
    public static func everything(_ first: [NodeReference] = []) -> [NodeReference] { all(first) }

    /// The namespaces that cables lead to from the source, nearest first, at most `limit`: where there are more, those on the way
    /// to the address and to where rules send its port. `first` have their names already.
    public static func around(_ source: NodeReference, to address: IPAddress, port: UInt16, first: [NodeReference] = [])
        throws(TraceError) -> [NodeReference]
    {
        let home = try Tracer.kernel { () throws(KernelError) in try NetworkNamespace.current() }
        do throws(KernelError) { _ = try Place(source, home: home.number) } catch {
            throw Tracer.refusal(error, source)
        }
        var map: [Place] = []
        for node in all([source] + first) {
            if let place = try? Place(node, home: home.number) { map.append(place) }
        }
        guard !map.isEmpty, map[0].node == source else {
            throw TraceError.noSuchNode(source.name, known: map.map(\.node.name))
        }
        // Breadth first, each with the one that it was reached from.
        var order = [0]
        var from = [0: 0]
        var next = 0
        while next < order.count, order.count < 1000 {
            let here = order[next]
            next += 1
            for there in map[here].peers(among: map, home: home.number) where from[there] == nil {
                from[there] = here
                order.append(there)
            }
        }
        guard order.count > limit else { return order.map { map[$0].node } }
        var words: Set<String> = []
        for place in order where map[place].hasBridge { words.formUnion(map[place].targets(port, home: home.number)) }
        let wanted = order.filter {
            map[$0].addresses.contains("\(address)") || !map[$0].addresses.isDisjoint(with: words)
        }
        var chosen: [Int] = []
        for place in wanted.isEmpty ? order : wanted {
            var way = [place]
            while let before = from[way[0]], before != way[0] { way.insert(before, at: 0) }
            let new = way.filter { !chosen.contains($0) }
            if chosen.count + new.count <= limit { chosen += new }
        }
        return chosen.map { map[$0].node }
    }
}

/// One namespace on the map.
private struct Place {
    let node: NodeReference
    private var cables: Set<Int32> = []
    private(set) var addresses: Set<String> = []
    private(set) var hasBridge = false

    init(_ node: NodeReference, home: Int32) throws(KernelError) {
        self.node = node
        let namespace = try NetworkNamespace(open: node.namespace)
        var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        let links = try NetlinkRequest("list links", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg())
        for reply in try socket.ask(links) where reply.type == RTM_NEWLINK {
            if let id = reply.attributes(after: 16)[type: Int(IFLA_LINK_NETNSID)]?.u32 {
                cables.insert(Int32(bitPattern: id))
            }
            if Link(reply)?.kind == "bridge" { hasBridge = true }
        }
        let addresses = try NetlinkRequest("list addresses", type: RTM_GETADDR, flags: NLM_F_DUMP, header: ifaddrmsg())
        for reply in try socket.ask(addresses) where reply.type == RTM_NEWADDR {
            let found = reply.attributes(after: 8)
            if let own = (found[type: Int(IFA_LOCAL)] ?? found[type: Int(IFA_ADDRESS)])
                .flatMap({ IPAddress(bytes: $0.payload) })
            {
                self.addresses.insert("\(own)")
            }
        }
        self.addresses.remove("127.0.0.1")
        self.addresses.remove("::1")
    }

    /// Those at the other ends of its cables.
    func peers(among map: [Place], home: Int32) -> [Int] {
        guard !cables.isEmpty, let namespace = try? NetworkNamespace(open: node.namespace),
            var socket = try? NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        else { return [] }
        return map.indices.filter { place in
            guard map[place].node != node, let other = try? NetworkNamespace(open: map[place].node.namespace),
                let id = try? socket.number(of: other.number)
            else { return false }
            return cables.contains(id)
        }
    }

    /// Words of the rules' lines that name the port: addresses that it is sent to are among them.
    func targets(_ port: UInt16, home: Int32) -> Set<String> {
        guard let namespace = try? NetworkNamespace(open: node.namespace),
            let text = try? namespace.inside(home: home, { () throws(KernelError) in RuleTexts.everything() })
        else { return [] }
        var found: Set<String> = []
        for line in text.split(separator: "\n") {
            let words = line.split { " ,{}\t[]".contains($0) }.flatMap { word -> [String] in
                // "10.88.0.2:80" has an address and a port.
                let text = String(word)
                guard let colon = text.lastIndex(of: ":"), text.contains(".") else { return [text] }
                return [String(text[..<colon]), String(text[text.index(after: colon)...])]
            }
            if words.contains("\(port)") { found.formUnion(words) }
        }
        return found
    }
}

extension NetlinkSocket {
    /// How the socket's namespace numbers another one (RTM_GETNSID); nil when it has no number for it.
    mutating func number(of namespace: Int32) throws(KernelError) -> Int32? {
        // NETNSA_FD 3, NETNSA_NSID 1 (linux/net_namespace.h); struct rtgenmsg is one byte.
        let request = try NetlinkRequest("number a namespace", type: RTM_GETNSID, flags: 0, header: rtgenmsg()) {
            $0.put(3, UInt32(bitPattern: namespace))
        }
        let reply = try ask(request).first { $0.type == RTM_NEWNSID }
        return reply?.attributes(after: 4)[type: 1]?.u32.map { Int32(bitPattern: $0) }.flatMap { $0 < 0 ? nil : $0 }
    }
}
