import CNI
public import JSON
public import NetCore
import NetPlan
public import PluginKit

/// The rules of attachments with their owners, and the same NAT in the words of iptables (cni.md C-4).
public struct RuleList: Sendable {
    public let rules: [StandingRule]
    /// Attachments of which nothing can be told, with the reason.
    public let unread: [String]

    /// Of one network or of all, as the records have them and the kernel holds them. Throws E-PRIVILEGE for one who may not.
    public init(of state: StateDirectory, network: String? = nil) throws(InspectError) {
        var rules: [StandingRule] = []
        var unread: [String] = []
        do throws(KernelError) {
            for record in try AttachmentRecords(state).all(network: network) {
                for plugin in Repair.plugins where record.has(plugin.name) {
                    do throws(CNIError) {
                        rules += try plugin.rules(record, state)
                    } catch {
                        unread.append("\(record.attachment) (\(plugin.name)): \(error)")
                    }
                }
            }
        } catch {
            throw InspectError(error)
        }
        self.init(rules, unread: unread)
    }

    public init(_ rules: [StandingRule], unread: [String] = []) {
        self.rules = rules
        self.unread = unread
    }

    /// A line a rule: whose it is, by which plugin, and what it does.
    public var table: String {
        guard !rules.isEmpty else { return "no rules\n" }
        return TextTable.text(
            ["ATTACHMENT", "PLUGIN", "RULE"],
            rules.map {
                [
                    "\($0.owner.attachment)", $0.owner.plugin,
                    $0.resource.words + ($0.isStanding ? "" : "  (missing: berth repair)"),
                ]
            })
    }

    /// What `iptables -t nat -n -L` prints of what stands, whether iptables made it or not.
    public func iptables(_ family: AddressFamily) -> String { image(family).listed(.nat) }

    /// The same as `iptables-restore` reads it.
    public func iptablesCommands(_ family: AddressFamily) -> String { image(family).commands(.nat) }

    private func image(_ family: AddressFamily) -> IptablesImage {
        var plans: [Plan] = []
        for rule in rules where rule.isStanding {
            if plans.last?.owner != rule.owner { plans.append(Plan(owner: rule.owner, namespace: nil)) }
            plans[plans.count - 1].owned.append(rule.resource)
        }
        return plans.reduce(into: IptablesImage(family)) { image, plan in
            image.apply(image.standing.edits(toMake: plan.iptables(family)))
        }
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        .array(
            rules.map { rule in
                [
                    "network": .string(rule.owner.attachment.network),
                    "containerID": .string(rule.owner.attachment.containerID),
                    "ifname": .string(rule.owner.attachment.interface.description),
                    "plugin": .string(rule.owner.plugin),
                    "rule": .string(rule.resource.words), "standing": .bool(rule.isStanding),
                ]
            })
    }
}
