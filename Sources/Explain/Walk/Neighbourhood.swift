import CKernel
import Glibc
import NetCore

/// The namespaces at the other ends of a node's cables. On a host with a thousand containers none is opened that need not be.
extension Node {
    /// The namespace that this one knows by a number (IFLA_LINK_NETNSID); nil when it is none that is known here.
    func namespace(_ number: Int32) -> Node? {
        if numbered[number] == nil { seek(number) }
        return numbered[number].flatMap { surroundings.node(surroundings.byAge[$0]) }
    }

    private func seek(_ number: Int32) {
        let all = surroundings.byAge
        // One that is near it tells more than none.
        let near = numbered.min { abs($0.key - number) < abs($1.key - number) }
        var places = unnumbered ?? LikelyPlaces(all.count)
        places.begin(at: (near?.value ?? 0) + Int(number - (near?.key ?? 0)))
        while numbered[number] == nil, let place = places.next() {
            guard all[place] != reference, let other = try? NetworkNamespace(open: all[place].namespace),
                let found = self.number(of: other.number), numbered[found] == nil
            else { continue }
            numbered[found] = place
            places.expect(at: place + Int(number - found))
        }
        unnumbered = places
    }

    /// Every other namespace that is known here.
    var others: [Node] {
        surroundings.references.filter { $0 != reference }.compactMap { surroundings.node($0) }
    }

    private func number(of namespace: Int32) -> Int32? {
        // NETNSA_FD 3, NETNSA_NSID 1 (linux/net_namespace.h).
        guard
            let request = try? NetlinkRequest(
                "number a namespace", type: RTM_GETNSID, flags: 0, header: rtgenmsg(),
                {
                    $0.put(3, UInt32(bitPattern: namespace))
                }), let reply = try? route.ask(request).first(where: { $0.type == RTM_NEWNSID })
        else { return nil }
        return reply.attributes(after: 4)[type: 1]?.u32.map { Int32(bitPattern: $0) }.flatMap { $0 < 0 ? nil : $0 }
    }

    /// The first of the ports whose cable leads to a namespace with that address. The kernel lists another namespace's addresses by its
    /// number (IFA_TARGET_NETNSID), without its being opened.
    func port(to address: IPAddress, among ports: [Int32]) -> Device? {
        // Containers that come one after the other mostly have addresses that do, too.
        let ports = ports.sorted()
        var places = LikelyPlaces(ports.count)
        places.begin(at: 0)
        while let place = places.next() {
            guard let port = device(ports[place]), port.peer != nil, let number = port.peerNamespace else { continue }
            let found = addresses(of: number, address.family)
            if found.contains(address) { return port }
            if let near = found.compactMap({ address.distance(from: $0) }).min(by: { abs($0) < abs($1) }) {
                places.expect(at: place + near)
            }
        }
        return nil
    }

    private func addresses(of number: Int32, _ family: AddressFamily) -> [IPAddress] {
        var header = ifaddrmsg()
        header.ifa_family = UInt8(family.constant)
        guard
            let request = try? NetlinkRequest(
                "list the addresses of namespace \(number)", type: RTM_GETADDR, flags: NLM_F_DUMP, header: header,
                { $0.put(Int(IFA_TARGET_NETNSID), UInt32(bitPattern: number)) }), let replies = try? route.ask(request)
        else { return [] }
        return replies.compactMap { reply in
            let attributes = reply.attributes(after: 8)
            return (attributes[type: Int(IFA_LOCAL)] ?? attributes[type: Int(IFA_ADDRESS)])
                .flatMap { IPAddress(bytes: $0.payload) }
        }
    }
}
