import CNI
import NetCore
import NetPlan

/// A netfilter resource of an attachment, and whether the kernel has all of it.
public struct StandingRule: Hashable, Sendable {
    public let owner: Owner
    public let resource: Resource
    public let isStanding: Bool

    public init(owner: Owner, resource: Resource, isStanding: Bool) {
        self.owner = owner
        self.resource = resource
        self.isStanding = isStanding
    }
}

extension PlannedPlugin {
    /// The rules that the record stands for, each with a look at the kernel. Throws what kept it from looking.
    public func rules(_ record: AttachmentRecord, _ state: StateDirectory) throws(CNIError) -> [StandingRule] {
        try withPlan(of: record, state) { (plan, kernel) throws(CNIError) in
            kernel.trustedTables = NftFamily.allCases
            var rules: [StandingRule] = []
            // A chain of iptables is several resources' together: it is looked at as a whole.
            let isWhole = try answering { () throws(KernelError) in try kernel.iptablesFindings(plan).isEmpty }
            for resource in plan.resources where resource.isRule {
                if plan.backend != .nftables, resource.isInIptables {
                    rules.append(StandingRule(owner: plan.owner, resource: resource, isStanding: isWhole))
                    continue
                }
                var part = Plan(owner: plan.owner, namespace: plan.namespace, owned: [resource])
                part.backend = plan.backend
                let findings = try answering { () throws(KernelError) in try kernel.findings(part) }
                rules.append(StandingRule(owner: plan.owner, resource: resource, isStanding: findings.isEmpty))
            }
            return rules
        } ?? []
    }
}
