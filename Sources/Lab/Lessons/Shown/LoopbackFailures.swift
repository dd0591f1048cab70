import CKernel
import Glibc
import NetCore
import Trace

/// What keeps a packet of 127.0.0.1 from a container: one thing after another.
extension Look {
    /// The three in their order. The first two are made again, past what the learner has mended: the route by another link, the
    /// packet written by hand past the rules.
    func loopbackFailures(_ node: String, _ target: String, server: String, at address: String, by link: String)
        throws(LabError) -> [String]
    {
        let wide = try links(node).filter { $0.isUp && !$0.isLoopback && $0.master == nil && $0.name != link }.first
        var first = "no other link of \(node)'s is up"
        if let wide {
            let gate = try parameter(node, "net/ipv4/conf/\(wide.name)/route_localnet") ?? "?"
            let refusal = try refusal(node, from: "127.0.0.1", by: wide)
            first =
                "on \(wide.name), whose route_localnet is \(gate), the kernel "
                + (refusal.map { "still refuses a route to 127.0.0.1's packets (\($0))" } ?? "gives them a route now")
        }
        let own = try parameter(node, "net/ipv4/conf/\(link)/route_localnet") ?? "?"
        let crafted = try craft(node, "\(address):80", from: "127.0.0.1", by: link)
        let whole = try probe(node, target)
        var lines = ["three things in a row kept \(target) from \(server):"]
        lines += hanging("1 ", "no leave to go out: \(first); on \(link) it is \(own) now.")
        lines += hanging(
            "2 ", "a source that nobody can answer: one packet from 127.0.0.1, sent past your rules, \(crafted.seen).")
        if whole.receiver == node {
            return lines
                + hanging(
                    "3 ",
                    "here neither is mended: a program of \(node) takes the packet on the loopback, and asks \(server) in its own name."
                )
        }
        let change = whole.newSource(in: node).map { "from \($0.before) to \($0.after)" } ?? "not at all"
        lines += hanging("3 ", "with both mended: its source is rewritten \(change), and it is \(whole.seen).")
        return lines
    }

    /// A packet with that source as if a program of the node had sent it, past the node's rules.
    private func craft(_ node: String, _ target: String, from source: String, by link: String) throws(LabError)
        -> Journey
    {
        do throws(TraceError) {
            return try quietly { () throws(TraceError) in
                var probe = try Probe(source: node, to: target)
                probe.milliseconds = 300
                var raw = RawPacket()
                (raw.source, raw.device) = (IPAddress(source), link)
                var options = TraceOptions()
                options.raw = raw
                return try Tracer.trace(probe, nodes: world.references, options).journey
            }
        } catch {
            throw LabError(
                .kernel, "cannot follow a packet from \(source) to \(target)", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
    }

    /// Why the node's kernel routes no packet from that source out of a link, in its own words; nil when it does.
    private func refusal(_ node: String, from source: String, by link: Link) throws(LabError) -> String? {
        // Any address beyond the link will do: the router's (RFC 5737 networks have one at .1).
        let target = IPAddress("198.51.100.1")!
        return try self.socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            var header = rtmsg()
            header.rtm_family = target.family.constant
            (header.rtm_dst_len, header.rtm_src_len) = (32, 32)
            let request = try NetlinkRequest(
                "look up the route of \(source)", type: RTM_GETROUTE, flags: 0, header: header
            ) {
                $0.put(Int(RTA_DST.rawValue), bytes: target.bytes)
                $0.put(Int(RTA_SRC.rawValue), bytes: IPAddress(source)!.bytes)
                $0.put(Int(RTA_OIF.rawValue), UInt32(bitPattern: link.index))
            }
            do throws(KernelError) {
                _ = try socket.ask(request)
                return nil
            } catch {
                return "\(error.errno)"
            }
        }
    }
}
