import CKernel
import Glibc
import NetCore

/// Brings a world's nodes back to what they were, by difference: what is the same is not touched.
struct WorldReturn {
    let nodes: [RecordedNode]
    let wanted: [NodeState]

    /// Gives what stands then, and what the kernel refused.
    func restore() -> (now: [NodeState], refused: [KernelError]) {
        var refused: [KernelError] = []
        var now: [NodeState] = []
        // One thing takes others along (a link its addresses, a veth its other end), which come back in the next round.
        for _ in 0..<5 {
            refused = []
            do throws(KernelError) {
                now = try read()
                guard now != wanted else { return (now, []) }
                try links(now, &refused)
                for place in nodes.indices { try others(place, &refused) }
            } catch {
                refused.append(error)
            }
        }
        if let last = try? read() { now = last }
        return (now, now == wanted ? [] : refused)
    }

    private func read() throws(KernelError) -> [NodeState] {
        var states: [NodeState] = []
        for (place, node) in nodes.enumerated() { states.append(try node.read(nodes, place)) }
        return states
    }

    private func links(_ now: [NodeState], _ refused: inout [KernelError]) throws(KernelError) {
        for (place, node) in nodes.enumerated() {
            for link in now[place].links where !wanted[place].links.contains(where: link.isSame) {
                // The other end may have taken it along.
                let failures = try node.routes.attempt([link.removal()]).compactMap { $0 }
                refused += failures.filter { $0.errno != .noSuchDevice }
            }
        }
        var made: Set<String> = []
        for (place, node) in nodes.enumerated() {
            let missing = wanted[place].links.filter { link in !now[place].links.contains(where: link.isSame) }
            // What stands on another link comes after it.
            for link in missing.sorted(by: {
                ($0.kind == "veth" ? nil : $0.below) == nil && ($1.kind != "veth" && $1.below != nil)
            })
            where made.insert("\(place) \(link.index)").inserted {
                var peer: LinkState?
                var space: Int32?
                if link.kind == "veth" {
                    guard let other = link.belowNode, let index = link.below,
                        let found = wanted[other].links.first(where: { $0.index == index })
                    else {
                        refused.append(
                            KernelError(
                                "make link \(link.name) again", .noSuchDevice, "its other end was in no node"))
                        continue
                    }
                    made.insert("\(other) \(index)")
                    (peer, space) = (found, nodes[other].namespace.number)
                }
                refused += try node.routes.attempt([link.creation(peer: peer, peerSpace: space)]).compactMap { $0 }
            }
        }
        for (place, node) in nodes.enumerated() {
            for link in try node.links(nodes, place) {
                guard let before = wanted[place].links.first(where: link.isSame), before != link else { continue }
                refused += try node.routes.attempt(before.changes(from: link)).compactMap { $0 }
            }
        }
    }

    /// An address comes to stand behind those that are there: those that were behind it go, and come after it.
    private static func keepOrder(
        _ now: [[UInt8]], _ then: [[UInt8]], _ surplus: inout [[UInt8]], _ missing: inout [[UInt8]]
    ) {
        for link in KernelMessages.reordered(now, then) {
            func own(_ all: [[UInt8]]) -> [[UInt8]] {
                all.filter { $0.first == UInt8(AF_INET) && KernelMessages.address.link($0) == link }
            }
            let wanted = own(then)
            let staying = own(now).filter(wanted.contains)
            var same = 0
            while same < staying.count, staying[same] == wanted[same] { same += 1 }
            // The last first: with the first of a network the kernel takes the others of it.
            surplus = staying[same...].reversed() + surplus
            missing.removeAll(where: wanted.contains)
            missing += wanted[same...]
        }
    }

    private func others(_ place: Int, _ refused: inout [KernelError]) throws(KernelError) {
        let (node, before) = (nodes[place], wanted[place])
        refused += try node.namespace.inside(home: node.home) { () throws(KernelError) in before.parameters.restore() }
        let name = { (index: Int32) in before.links.first { $0.index == index }?.name ?? "link \(index)" }
        let links = try node.links(nodes, place)
        for kind in KernelMessages.allCases {
            let now = try kind.read(&node.routes, links)
            let then = before.messages[kind.rawValue]
            var (surplus, missing) = (now.filter { !then.contains($0) }, then.filter { !now.contains($0) })
            if kind == .address { WorldReturn.keepOrder(now, then, &surplus, &missing) }
            let going = surplus.filter(kind.isLate) + surplus.filter { !kind.isLate($0) }
            let coming = missing.filter { !kind.isLate($0) } + missing.filter(kind.isLate)
            refused += try node.routes.attempt(going.map { kind.remove($0, kind.words($0, name)) }).compactMap { $0 }
            for one in coming {
                let request = kind.add(one, kind.words(one, name))
                guard let failure = try node.routes.attempt([request])[0] else { continue }
                // A gateway that no route leads to any more had one when its route was made.
                guard let bridge = kind.wayToGateway(of: one) else {
                    refused.append(failure)
                    continue
                }
                _ = try node.routes.attempt([kind.add(bridge, "the way to a gateway")])
                if let failure = try node.routes.attempt([request])[0] { refused.append(failure) }
                _ = try node.routes.attempt([kind.remove(bridge, "the way to a gateway")])
            }
        }
        do throws(KernelError) {
            try NftReturn.restore(before.nft, &node.rules)
            try node.namespace.inside(home: node.home) { () throws(KernelError) in try before.legacy.restore() }
        } catch {
            refused.append(error)
        }
    }
}
