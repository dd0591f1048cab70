import NetPlan

extension ListPlan {
    /// For people: what is assumed, then each plugin's share, numbered; what is shared before what is the attachment's own.
    public var words: String {
        var lines = [
            "What an ADD of \(attachment.containerID) to network \"\(list.name)\" would do",
            "  \(attachment.interface) in \(parameters.netns ?? "no namespace")",
        ]
        lines += assumptions.map { "  assumed: \($0)" }
        var number = 0
        func add(_ title: String, _ resources: [Resource]) {
            guard !resources.isEmpty else { return }
            lines.append("  \(title)")
            for resource in resources {
                number += 1
                lines.append("  \(number < 10 ? " " : "")\(number). \(resource.words)")
            }
        }
        for member in members {
            lines += ["", member.type]
            guard let plan = member.plan else {
                lines.append("  type \"\(member.type)\" is not ours: what it does is not known")
                continue
            }
            if plan.resources.isEmpty { lines.append("  nothing, as it is called here") }
            add("shared: made where it is missing, left alone by DEL", plan.shared)
            add("its own: made new, removed by DEL", plan.owned)
        }
        return lines.map { "\($0.visible)\n" }.joined()
    }
}
