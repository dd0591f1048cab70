import CKernel
import Glibc

/// A chain of our table; a base chain when it has a hook.
public struct NftChain: Hashable, Sendable {
    public struct Hook: Hashable, Sendable {
        public let type: String
        public let name: String
        /// NF_INET_*.
        public let number: UInt32
        public let priority: Int32

        public static func prerouting(_ type: String, _ priority: Int32) -> Hook {
            Hook(type: type, name: "prerouting", number: UInt32(NF_INET_PRE_ROUTING.rawValue), priority: priority)
        }
        public static func input(_ type: String, _ priority: Int32) -> Hook {
            Hook(type: type, name: "input", number: UInt32(NF_INET_LOCAL_IN.rawValue), priority: priority)
        }
        public static func forward(_ type: String, _ priority: Int32) -> Hook {
            Hook(type: type, name: "forward", number: UInt32(NF_INET_FORWARD.rawValue), priority: priority)
        }
        public static func output(_ type: String, _ priority: Int32) -> Hook {
            Hook(type: type, name: "output", number: UInt32(NF_INET_LOCAL_OUT.rawValue), priority: priority)
        }
        public static func postrouting(_ type: String, _ priority: Int32) -> Hook {
            Hook(type: type, name: "postrouting", number: UInt32(NF_INET_POST_ROUTING.rawValue), priority: priority)
        }
    }
    public let name: String
    public let hook: Hook?
    public let rules: [NftRule]
    /// Of the table in which the chain stands.
    public let family: NftFamily

    public init(_ name: String, _ hook: Hook? = nil, family: NftFamily = .inet, rules: [NftRule]) {
        self.family = family
        self.name = name
        self.hook = hook
        self.rules = rules
    }

    /// `add chain inet berth forward { type filter hook forward priority 0; policy accept; }`
    public func command(table: String) -> String {
        guard let hook else { return "add chain \(family) \(table) \(name)" }
        return
            "add chain \(family) \(table) \(name) { type \(hook.type) hook \(hook.name) priority \(hook.priority); policy accept; }"
    }
    public func ruleCommands(table: String) -> [String] { rules.map { "add rule \(family) \(table) \(name) \($0)" } }

    func message(table: String) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make("add chain \(name)", NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family: family.number) {
            $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
            $0.put(Int(NFTA_CHAIN_NAME.rawValue), name)
            guard let hook else { return }
            $0.nest(Int(NFTA_CHAIN_HOOK.rawValue)) {
                $0.put(Int(NFTA_HOOK_HOOKNUM.rawValue), bigEndian: hook.number)
                $0.put(Int(NFTA_HOOK_PRIORITY.rawValue), bigEndian: UInt32(bitPattern: hook.priority))
            }
            $0.put(Int(NFTA_CHAIN_POLICY.rawValue), bigEndian: UInt32(NF_ACCEPT))
            $0.put(Int(NFTA_CHAIN_TYPE.rawValue), hook.type)
        }
    }
}

/// A rule: clauses from left to right, as nft reads them.
public struct NftRule: Hashable, Sendable, CustomStringConvertible {
    public let clauses: [NftClause]
    public let comment: String?

    public init(_ clauses: NftClause..., comment: String? = nil) {
        self.clauses = clauses
        self.comment = comment
    }
    public init(_ clauses: [NftClause], comment: String? = nil) {
        self.clauses = clauses
        self.comment = comment
    }

    public var description: String {
        clauses.map(\.description).joined(by: " ") + (comment.map { " comment \"\($0)\"" } ?? "")
    }

    func message(table: String, chain: String, family: NftFamily = .inet) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make(
            "add rule to chain \(chain): \(self)", NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family: family.number
        ) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), table)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
            $0.nest(Int(NFTA_RULE_EXPRESSIONS.rawValue)) {
                for clause in clauses { clause.put(&$0) }
            }
            if let comment { $0.put(Int(NFTA_RULE_USERDATA.rawValue), bytes: NftMessage.userData(comment)) }
        }
    }
}
