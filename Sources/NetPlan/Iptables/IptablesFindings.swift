import NetCore

/// In what tables differ from what changes want, in sentences of CHECK's.
public enum IptablesFindings {
    /// Empty when in nothing. `backend` says whose tables these are.
    public static func list(
        _ changes: IptablesChanges, _ standing: IptablesStanding<some IptablesStandingRule>, _ backend: String
    ) -> [Finding] {
        let edits = standing.edits(toMake: changes)
        let ip = changes.family == .v4 ? "" : ", IPv6"
        let name = { (chain: IptablesChain) in "chain \(chain.name) of table \(chain.table.rawValue) (\(backend)\(ip))"
        }
        var found = edits.newChains.map { Finding(name($0), expected: "exists", found: "no such chain") }
        for (chain, slots) in edits.chains where !edits.newChains.contains(chain) {
            let rules = standing.chains[chain] ?? []
            let isOwn = changes.ownChains.contains(chain)
            for case .new(let rule) in slots {
                // A chain of the attachment's own is made whole: only what does not stand in it is missing.
                if isOwn, rules.contains(where: { $0.says(rule, changes.family) }) { continue }
                found.append(
                    Finding(name(chain), expected: "rule \(rule.words.joined(by: " "))", found: "no such rule"))
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
}
