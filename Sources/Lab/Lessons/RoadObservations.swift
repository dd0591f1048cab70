import CKernel
import NetCore
import Trace

/// Observations of the way that answers take, and of what the kernel asks of a sender's way back.
extension Observation {
    /// The packet comes through `node` to `receiver`. Where it does not, and a rule of routing goes by the address that was asked, it is
    /// said why that one does not help.
    static func getsIn(_ source: String, _ target: String, to receiver: String, by node: String, from address: String)
        -> Observation
    {
        Observation("\(source) → \(target)", "comes to \(receiver)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            if journey.receiver == receiver { return Sight(true, journey.seen, journey) }
            return Sight(false, journey.seen + (try look.vainRule(node, address, journey) ?? ""), journey)
        }
    }

    /// The answer leaves `node` by that link, with that source.
    static func comesBack(
        _ source: String, _ target: String, from node: String, by device: String, as address: String
    )
        -> Observation
    {
        Observation("the answer to \(source) → \(target)", "leaves \(node) by \(device) as \(address)") {
            look throws(LabError) in
            let journey = try look.probe(source, target)
            let last = journey.reply?.steps.last { $0.node == node && $0.kind == .tx && $0.l3 != nil }
            guard let last, let found = last.device, let bears = last.l3?.source else {
                return Sight(false, "no answer leaves \(node): \(journey.seen)", journey)
            }
            var seen = "by \(found) as \(bears)"
            if found != device {
                seen += ": its route was chosen when its sender was \(journey.answerSender(in: node) ?? "?")"
                seen += try look.vainRule(node, address, journey) ?? ""
            } else if !journey.isAnswered {
                seen += ", and did not come to \(source)"
            }
            return Sight(found == device && bears == address && journey.isAnswered, seen, journey)
        }
    }

    /// rp_filter of a link as the kernel takes it: the larger of its own and of `all` (Documentation/networking/ip-sysctl.rst).
    static func reversePath(_ node: String, _ link: String, _ wanted: [String]) -> Observation {
        Observation("rp_filter of \(node)'s \(link), as the kernel takes it", wanted.joined(by: " or ")) {
            look throws(LabError) in
            let own = try look.parameter(node, "net/ipv4/conf/\(link)/rp_filter") ?? "0"
            let all = try look.parameter(node, "net/ipv4/conf/all/rp_filter") ?? "0"
            let taken = max(Int(own) ?? 0, Int(all) ?? 0)
            return Sight(wanted.contains("\(taken)"), "\(taken), the larger of \(link)'s \(own) and all's \(all)")
        }
    }
}

extension Journey {
    /// The answer's sender as it came in to the node.
    func answerSender(in node: String) -> String? {
        reply?.steps.first { $0.node == node && $0.kind == .rx && $0.l3 != nil }?.l3?.source
    }
}

extension Look {
    /// The link by which a node's kernel would send to the address.
    func device(_ node: String, to address: String) throws(LabError) -> String? {
        guard let index = try route(node, address)?.link else { return nil }
        return try links(node).first { $0.index == index }?.name
    }

    /// Why a rule "from ADDRESS" of the node's does not take the packet; nil when there is none.
    fileprivate func vainRule(_ node: String, _ address: String, _ journey: Journey) throws(LabError) -> String? {
        guard let wanted = IPAddress(address), try hasRule(node, from: wanted) else { return nil }
        let inside = journey.newDestination(in: node)?.after.split(separator: ":").first.map(String.init) ?? "another"
        return "; the rule from \(address) does not match, for at that moment the address is \(inside): it becomes "
            + "\(address) only after routing, at postrouting"
    }

    private func hasRule(_ node: String, from address: IPAddress) throws(LabError) -> Bool {
        try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            // struct fib_rule_hdr and FRA_SRC (linux/fib_rules.h): as rtmsg, the source's length in its third byte.
            var header = rtmsg()
            header.rtm_family = address.family.constant
            let request = try NetlinkRequest(
                "list rules of routing", type: RTM_GETRULE, flags: NLM_F_DUMP, header: header)
            return try socket.ask(request).contains { reply in
                reply.attributes(after: 12)[type: 2]?.payload.elementsEqual(address.bytes) ?? false
            }
        }
    }
}
