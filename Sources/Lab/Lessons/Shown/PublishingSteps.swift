import Trace

/// A published port as the steps that one packet takes.
extension Journey {
    /// The way of the packet, as `berth trace` draws it, in lines of a terminal's width, and without advice.
    var path: [String] {
        var plain = self
        plain.advice = nil
        return PathView(plain).text.split(separator: "\n").map { String($0) }.flatMap { (line: String) -> [String] in
            guard line.count > Shown.width else { return [line] }
            // The rule's own text below the gate that it stands at; else at the words' end.
            if let gate = line.firstIndex(of: "╬"), let number = line[gate...].firstIndex(of: "#") {
                let margin = line.distance(from: line.startIndex, to: gate) + 3
                let end = line[number...].firstIndex(of: " ") ?? line.endIndex
                return [String(line[..<end])]
                    + hanging(
                        String(repeating: " ", count: margin), String(line[end...]))
            }
            let margin = String(line.prefix { $0 == " " })
            return hanging(margin, String(line.dropFirst(margin.count)))
        }
    }
}

extension Look {
    /// The five steps that make a published port, with the rules that took them for a packet just now.
    func publishingSteps(_ source: String, _ target: String, in node: String) throws(LabError) -> [String] {
        let journey = try probe(source, target)
        let steps = journey.forward?.steps.filter { $0.node == node } ?? []
        guard let rewrite = steps.firstIndex(where: { $0.changed?.destination != nil }),
            let change = steps[rewrite].changed?.destination
        else { return ["\(node) does not rewrite the packet: \(journey.seen)"] }
        let rule = steps[..<rewrite].last { $0.kind == .rule }
        let route = steps[rewrite...].first { $0.kind == .fib }?.result ?? "no route was seen"
        let forwarding = try parameter(node, "net/ipv4/ip_forward") ?? "?"
        let gate = steps.last { $0.kind == .rule && $0.hook == "forward" }
        let device = steps.last { $0.kind == .tx }?.device ?? "?"
        let receiver = journey.receiver ?? "nobody"
        let sender = journey.receiver.flatMap { journey.sender(in: $0) } ?? "?"
        let back = journey.reply?.steps.first { $0.node == node && $0.kind == .rewrite }
        var lines = ["the five steps, as \(node) took them just now:"]
        lines += hanging("1 prerouting  ", "\(change.before) becomes \(change.after)")
        lines += hanging("              ", "by \(rule?.text ?? steps[rewrite].result ?? "?")")
        lines += hanging("2 routing     ", "\(route); net.ipv4.ip_forward is \(forwarding)")
        lines += hanging(
            "3 forward     ", gate.map { "\($0.verdict ?? "?") by \($0.text ?? "?")" } ?? "no rule stands there")
        lines += hanging("4 delivery    ", "out by \(device); \(receiver) takes it, and sees \(sender)")
        let answer = back?.changed?.source.map {
            "the answer's \($0.before) becomes \($0.after): \(back?.result ?? "?")"
        }
        lines += hanging("5 the answer  ", answer ?? "none was seen to be turned back")
        return lines
            + wrapped(
                "berth run -p 8080:80 --explain IMAGE takes the same five and tells them as commands, of nftables: for 1 an element of the map "
                    + "fwd_any4 (8080/tcp leads to the container's address), for 2 ip_forward, for 3 an element of the set "
                    + "published4, for 4 the container's cable; 5 is conntrack's, and no command.", Shown.width)
    }
}
