import JSON
import NetCore
import TestSupport
import Testing

extension PrivateHost {
    /// Deletes every element of berth's tables whose comment begins with a plugin's name, as `nft` would by hand; with
    /// iptables every rule.
    func deleteElements(ownedBy plugin: String, evenWithIptables: Bool = false) throws {
        guard !TestBackend.current.isIptables || evenWithIptables else { return try deleteRules(ownedBy: plugin) }
        let listed = try JSON(parsing: Array(try must("nft -j list ruleset").utf8))
        var deleted = 0
        for object in listed["nftables"]?.array ?? [] {
            guard let set = object["set"] ?? object["map"], let name = set["name"]?.string else { continue }
            for element in set["elem"]?.array ?? [] {
                // A map's element is [key, data]; whichever carries `elem` has the comment.
                let key = element.array?.first ?? element
                guard let comment = key["elem"]?["comment"]?.string, comment.hasPrefix("\(plugin) ") else { continue }
                let value = key["elem"]?["val"] ?? key
                let word: JSON = [
                    "nftables": [
                        [
                            "delete": [
                                "element": [
                                    "family": set["family"] ?? "inet", "table": "berth", "name": .string(name),
                                    "elem": [element.array.map { [value, $0[1]] } ?? value],
                                ]
                            ]
                        ]
                    ]
                ]
                try must("nft -j -f -", input: word.text)
                deleted += 1
            }
        }
        guard deleted > 0 else {
            throw HostRefused("no element of \(plugin) in the table: there is nothing to sabotage")
        }
    }

    /// Empties every base chain of `inet berth` of this type (nat, filter); with iptables every chain of that table.
    func flushChains(of type: String) throws {
        guard !TestBackend.current.isIptables else {
            for family in AddressFamily.allCases { try must("\(TestBackend.current.program(family)) -t \(type) -F") }
            return
        }
        let listed = try JSON(parsing: Array(try must("nft -j list ruleset").utf8))
        var flushed = 0
        for object in listed["nftables"]?.array ?? [] {
            guard let chain = object["chain"], chain["type"]?.string == type, chain["table"]?.string == "berth" else {
                continue
            }
            try must("nft flush chain inet berth \(chain["name"]?.string ?? "none")")
            flushed += 1
        }
        guard flushed > 0 else { throw HostRefused("no \(type) chain in inet berth: there is nothing to sabotage") }
    }

    private func deleteRules(ownedBy plugin: String) throws {
        var deleted = 0
        for family in AddressFamily.allCases {
            let program = TestBackend.current.program(family)
            for table in ["nat", "filter"] {
                for line in try must("\(program)-save -t \(table)").split(separator: "\n")
                where line.hasPrefix("-A ") && line.contains("--comment \"\(plugin) ") {
                    try must("sh -s", input: "\(program) -t \(table) -D \(line.dropFirst(3))\n")
                    deleted += 1
                }
            }
        }
        guard deleted > 0 else { throw HostRefused("no rule of \(plugin) in iptables: there is nothing to sabotage") }
    }

    /// No ADD can put its rules in, and nothing else stands in its way.
    func spoilRules() throws {
        guard TestBackend.current.isIptables else {
            try must(
                "nft -f -",
                input: "delete table inet berth; add table inet berth; add set inet berth masq4 { type ether_addr; }; "
                    + "add set inet berth members4 { type ether_addr; }\n")
            return
        }
        try takeAwayRules()
        if TestBackend.current == .iptablesLegacy {
            environment["BERTH_IPTABLES_PROGRAM"] = "/bin/false"
        } else {
            // A base chain where iptables has one that only rules call.
            try must(
                "nft -f -",
                input:
                    "add table ip nat; delete table ip nat; add table ip filter; delete table ip filter; add table ip nat; "
                    + "add chain ip nat POSTROUTING { type filter hook output priority 7; }; add table ip filter; "
                    + "add chain ip filter CNI-FORWARD { type filter hook output priority 7; }\n")
        }
    }

    /// All rules of the backend under test are gone, as by a careless hand.
    func takeAwayRules() throws {
        guard TestBackend.current.isIptables else {
            try must("nft delete table inet berth")
            return
        }
        for family in AddressFamily.allCases {
            for table in ["raw", "nat", "filter"] {
                let program = "\(TestBackend.current.program(family)) -t \(table)"
                try must("\(program) -F")
                // A watch may have made rules again that lead to a chain.
                _ = try run("\(program) -X".split(separator: " ").map(String.init))
            }
        }
    }
}

extension TestBackend {
    /// What a finding names when all rules are gone.
    var tableName: String { isIptables ? "CNI-" : "inet berth" }
    var outputChain: String { isIptables ? "OUTPUT" : "output" }
}

extension Trait where Self == ConditionTrait {
    /// About berth's own tables: with iptables there are none. The run on nftables has the test.
    static var onNftables: ConditionTrait {
        .enabled(if: TestBackend.current == .nftables, "about the tables inet berth and bridge berth")
    }
}
