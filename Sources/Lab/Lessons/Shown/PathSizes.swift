import NetCore
import Trace

/// How large packets may be on a way.
extension Look {
    /// The links that a packet leaves by, with the size that each carries, and what the sender has learned.
    func sizes(_ source: String, _ target: String, _ address: String) throws(LabError) -> [String] {
        let journey = try probe(source, target)
        var rows: [[String]] = []
        for step in journey.forward?.steps ?? [] where step.kind == .tx {
            guard let device = step.device, let link = try links(step.node).first(where: { $0.name == device }) else {
                continue
            }
            rows.append([step.node, "out by \(device)", "carries \(link.mtu) bytes"])
        }
        let learned = try route(source, address)?.mtu
        return aligned(rows)
            + wrapped(
                learned.map { "\(source) was told by ICMP, and sends \(address) at most \($0) bytes now" }
                    ?? "\(source) was told nothing, and sends \(address) what its own link carries", Shown.width)
    }
}
