import NetCore

/// In what tables differ from what changes want, in sentences of CHECK's.
public enum IptablesFindings {
    /// Empty when in nothing. `backend` says whose tables these are.
    public static func list(
        _ changes: IptablesChanges, _ standing: IptablesStanding<some IptablesStandingRule>, _ backend: String
    ) -> [Finding] {
        let edits = standing.edits(toMake: changes)
        let name = { (chain: IptablesChain) in place(chain, changes.family, backend) }
        var found = edits.newChains.map { missing($0, changes.family, backend) }
        for (chain, slots) in edits.chains where !edits.newChains.contains(chain) {
            let rules = standing.chains[chain] ?? []
            let isOwn = changes.ownChains.contains(chain)
            for case .new(let rule) in slots {
                // A chain of the attachment's own is made whole: only what does not stand in it is missing.
                if isOwn, rules.contains(where: { $0.says(rule, changes.family) }) { continue }
                found.append(missing(rule, chain, changes.family, backend))
            }
            let wanted = (changes.shared + changes.owned).filter { $0.chain == chain }.map(\.rule)
            let kept = Set(slots.compactMap { slot in if case .standing(let index) = slot { index } else { nil } })
            for (index, rule) in rules.enumerated() where isOwn || !kept.contains(index) {
                guard !wanted.contains(where: { rule.says($0, changes.family) }) else { continue }
                found.append(
                    Finding(
                        name(chain), expected: "no rule but its own",
                        found: "rule \(index + 1)\(rule.comment.map { ", \"\($0)\"," } ?? "") is another"))
            }
            if found.isEmpty {
                found.append(
                    Finding(name(chain), expected: "\(wanted.count) rules in their order", found: "another order"))
            }
        }
        return found
    }

    private static func place(_ chain: IptablesChain, _ family: AddressFamily, _ backend: String) -> String {
        "chain \(chain.name) of table \(chain.table.rawValue) (\(backend)\(family == .v4 ? "" : ", IPv6"))"
    }

    /// A whole table of iptables-legacy that nobody has used is not there.
    public static func missing(table: IptablesTable, _ family: AddressFamily, _ backend: String) -> Finding {
        Finding(
            "table \(table.rawValue) (\(backend)\(family == .v4 ? "" : ", IPv6"))", expected: "exists",
            found: "no such table")
    }

    private static func missing(_ chain: IptablesChain, _ family: AddressFamily, _ backend: String) -> Finding {
        Finding(place(chain, family, backend), expected: "exists", found: "no such chain")
    }

    private static func missing(
        _ rule: IptablesRule, _ chain: IptablesChain, _ family: AddressFamily, _ backend: String
    ) -> Finding {
        Finding(place(chain, family, backend), expected: "rule \(rule.words.joined(by: " "))", found: "no such rule")
    }

    /// A rule that changes want, as findings tell that it is missing: itself, its chain, its table.
    public struct Wanted: Hashable, Sendable {
        public let absences: [Finding]
    }

    /// Every rule that changes want, those that others share among them.
    public static func wanted(_ changes: IptablesChanges, _ variant: IptablesVariant) -> [Wanted] {
        let backend = "iptables-\(variant.rawValue)"
        return (changes.shared + changes.owned).map { placement in
            Wanted(absences: [
                missing(placement.rule, placement.chain, changes.family, backend),
                missing(placement.chain, changes.family, backend),
                missing(table: placement.chain.table, changes.family, backend),
            ])
        }
    }
}
