import Trace

/// A packet from device to device, with its time to live at each.
extension Journey.Leg {
    /// A row a device: node, device, time to live, addresses.
    var hops: [[String]] {
        var node: String?
        return steps.compactMap { step in
            guard let device = step.device, step.kind == .rx || step.kind == .tx, let l3 = step.l3 else { return nil }
            defer { node = step.node }
            return [
                step.node == node ? "" : step.node, "\(step.kind == .rx ? "in by" : "out by") \(device)",
                "ttl \(l3.ttl)",
                "\(l3.source) → \(l3.destination)",
            ]
        }
    }

    /// "64 → 63 → 62".
    var lifetimes: String {
        var found: [Int] = []
        for step in steps { if let ttl = step.l3?.ttl, ttl != found.last { found.append(ttl) } }
        return found.map(String.init).joined(by: " → ")
    }
}

extension Journey {
    /// A frame on a cable, as one stack sent it and as the other got it.
    var frameOnCable: [String] {
        guard let leg = forward, let sent = leg.steps.first(where: { $0.kind == .tx && $0.l3 != nil })?.l3,
            let got = leg.steps.last(where: { $0.kind == .rx && $0.l3 != nil })?.l3
        else { return ["no packet was seen on the cable"] }
        let words =
            sent == got
            ? "one frame, seen twice: the same addresses, the same \(sent.length) bytes, and the same time to live"
            : "what came in is not what left: \(sent.length) bytes, ttl \(sent.ttl), became \(got.length) and \(got.ttl)"
        return aligned(leg.hops) + wrapped(words, Shown.width)
    }

    /// A packet that comes to its receiver by routers, and an answer that has nowhere to go.
    var oneWay: [String] {
        guard let leg = forward else { return ["no packet was seen"] }
        var lines = aligned(leg.hops) + ["ttl \(leg.lifetimes): each router takes one"]
        guard let reply else { return lines + ["no answer was seen"] }
        lines += ["and its answer:"] + aligned(reply.hops)
        guard reply.end.kind != .delivered else { return lines + ["which came back to \(reply.end.node)"] }
        let reason = reply.end.reason ?? reply.end.kind.rawValue
        return lines
            + wrapped(
                "\(reason): the reply has nowhere to go, and that is why NAT exists", Shown.width)
    }
}
