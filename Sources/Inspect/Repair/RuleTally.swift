import CNI
public import NetCore
import NetPlan
import PluginKit

/// How many of berth's rules the records tell, and how many of them are there: elements of nftables, rules of iptables.
public struct RuleTally: Hashable, Sendable {
    public let all: Int
    public let missing: Int
    /// Tables of berth's own that are gone as a whole: "table inet berth".
    public let tables: [String]
    /// What differs, a finding each, shared things once.
    public let differences: [String]

    public var present: Int { all - missing }

    /// By what a look at the attachments (`Doctor`) found. Throws what kept the records from being read.
    public init(of state: StateDirectory, found: [Doctor.Finding]) throws(InspectError) {
        var seen: Set<String> = []
        differences = found.filter { $0.rule == .drift && $0.isRule && !$0.isMended && seen.insert($0.reason).inserted }
            .map(\.reason)
        var elements: [NftFamily: Int] = [:]
        var rules: Set<IptablesFindings.Wanted> = []
        do throws(KernelError) {
            for record in try AttachmentRecords(state).all() {
                for (_, section) in record.sections {
                    for key in section.keys { elements[key.family, default: 0] += 1 }
                }
                for plugin in Repair.plugins where record.has(plugin.name) {
                    do throws(CNIError) {
                        rules.formUnion(try plugin.iptablesRules(record, state))
                    } catch {
                        // Its namespace is gone: what is left of it is told by another rule, and is not counted.
                    }
                }
            }
        } catch {
            throw InspectError(error)
        }
        var tables: [String] = []
        var missing = rules.count { wanted in wanted.absences.contains { seen.contains("\($0)") } }
        // Of a table that is gone nothing else is told.
        for (family, count) in elements.sorted(by: { $0.value > $1.value }) {
            let name = "table \(family) berth"
            guard seen.contains(where: { $0.hasPrefix("nftables \(name):") }) else { continue }
            tables.append(name)
            missing += count
        }
        if tables.isEmpty {
            // The same element of two attachments is none.
            missing +=
                Set(
                    found.filter { $0.rule == .drift && $0.reason.hasPrefix("nftables element ") }
                        .map { "\($0.object) \($0.reason)" }
                ).count
        }
        (self.tables, all) = (tables, elements.values.reduce(0, +) + rules.count)
        self.missing = min(missing, all)
    }
}

extension Doctor.Finding {
    /// It is about a packet filter's rules, not about a link, an address, a route, a parameter or a source of firewalld's.
    public var isRule: Bool { Repair.isRule(reason) }
}
