import NetCore

/// What broken worlds are judged by: what their users see, in words that do not tell the cause.
extension Observation {
    /// A request is answered by `node`, which sees `sender` as who asks.
    static func gets(_ source: String, _ address: String, _ port: UInt16, from node: String, seeing sender: String)
        -> Observation
    {
        Observation(
            "a request, \(source) → \(place(address, port))", "\(node) answers, and sees \(sender) as the sender"
        ) { look throws(LabError) in
            let asked = try look.request(source, IPAddress(address)!, port)
            return Sight(asked == .answer("\(node) sees \(sender)"), asked.seen)
        }
    }

    /// Nobody answers a request; whether it is refused or lost is the same.
    static func getsNothing(_ source: String, _ address: String, _ port: UInt16) -> Observation {
        Observation("a request, \(source) → \(place(address, port))", "no answer") { look throws(LabError) in
            let asked = try look.request(source, IPAddress(address)!, port, milliseconds: 350)
            if case .answer = asked { return Sight(false, asked.seen) }
            return Sight(true, asked.seen)
        }
    }

    static func place(_ address: String, _ port: UInt16) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}

extension [Observation] {
    /// What holds of the site whatever is broken: its other ports are closed, and what is not published stays inside.
    static let closed: [Observation] = [
        .getsNothing("client", "198.51.100.2", 8081), .getsNothing("client", "10.88.0.3", 80),
    ]
}
