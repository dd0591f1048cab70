import CKernel
import Glibc
import NetCore
import Trace

/// The table of `berth net` in nftables, `inet berth-net`.
enum NetTable {
    static let name = NetRule.table
    static let input = NftChain("input", .input("filter", 0), rules: [])
    /// Of programs of the node itself; its name is not that of the chain in which their destinations are rewritten.
    static let leaving = NftChain("leaving", .output("filter", 0), rules: [])
    static let all = [
        NetRule.prerouting, NetRule.output, input, NetRule.forward, leaving, NetRule.postrouting,
    ]

    /// A rule that stands, or what became of one.
    struct Standing {
        let chain: NftChain
        let found: NftStandingRule
        /// Nil where somebody else has made it.
        let rule: NetRule?
    }

    /// Every rule of the table, in the chains' order.
    static func rules() throws(LabError) -> [Standing] {
        try during { (socket) throws(KernelError) in
            var found: [Standing] = []
            for chain in all {
                for rule in try socket.standingRules(ofChain: chain.name, table: name) {
                    found.append(Standing(chain: chain, found: rule, rule: known(rule)))
                }
            }
            return found
        }
    }

    /// The rule that its comment names, if it is that.
    private static func known(_ standing: NftStandingRule) -> NetRule? {
        guard let rule = standing.rule.comment.flatMap({ NetRule(comment: $0) }) else { return nil }
        return standing.rule.matches(rule.rule) ? rule : nil
    }

    /// The chains that stand, with whether they drop what no rule accepts.
    static func policies() throws(LabError) -> [(chain: NftChain, drops: Bool)] {
        try during { (socket) throws(KernelError) in
            var found: [(chain: NftChain, drops: Bool)] = []
            for chain in all {
                guard let number = chain.hook?.number else { continue }
                let standing = try socket.foreignChains(hook: number).first {
                    $0.family == "inet" && $0.table == name && $0.name == chain.name
                }
                if let standing { found.append((chain, standing.drops)) }
            }
            return found
        }
    }

    /// All of it happens, or nothing.
    static func change(
        _ task: String, _ build: (inout NftTransaction) throws(KernelError) -> Void
    ) throws(LabError) {
        try NetPlace.mustBeApart()
        do throws(KernelError) {
            var transaction = NftTransaction(table: name)
            try build(&transaction)
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try socket.commit(transaction)
        } catch {
            throw LabError(net: error, task, show: "berth net rules")
        }
    }

    private static func during<Value>(
        _ body: (inout NetlinkSocket) throws(KernelError) -> Value
    ) throws(LabError) -> Value {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            return try body(&socket)
        } catch {
            throw LabError(net: error, "read the rules of berth net", show: "berth net rules")
        }
    }
}

extension NetTable {
    /// Table and chain as nft makes them; they may stand already.
    static func commands(_ chain: NftChain, drops: Bool? = nil) -> [String] {
        let hook = chain.hook.map { hook in
            " { type \(hook.type) hook \(hook.name) priority \(hook.priority);"
                + (drops.map { " policy \($0 ? "drop" : "accept");" } ?? "") + " }"
        }
        return ["nft add table inet \(name)", "nft 'add chain inet \(name) \(chain.name)\(hook ?? "")'"]
    }
}
