public import CNI
import Glibc
import JSON
import NetCore
import NetPlan

/// One step, for who tells a whole run: why, and the lines of a shell that do it.
public struct PlanStep: Hashable, Sendable {
    public let why: String
    public let commands: [String]

    public init(_ why: String, _ commands: [String]) {
        self.why = why
        self.commands = commands
    }
}

extension ListPlan {
    /// The script's commands, each with its reason; a plugin that is not ours as a call of its program.
    public func steps(_ environment: Environment) -> [PlanStep] {
        let shell = ShellWriter(namespace: parameters.netns ?? "")
        var steps: [PlanStep] = []
        var tables: [NftFamily] = []
        for member in members {
            guard let plan = member.plan else {
                steps.append(
                    ListPlan.call(
                        member.type, member.configuration, parameters, environment,
                        "what it does is its own business"))
                continue
            }
            for resource in plan.resources {
                let commands = resource.commands(shell)
                if !commands.isEmpty { steps.append(PlanStep("\(member.type): \(resource.words)", commands)) }
            }
            for changes in plan.iptables {
                steps.append(
                    PlanStep(
                        "\(member.type): \(changes.family == .v4 ? "iptables" : "ip6tables")", changes.shellCommands))
            }
            let rules = plan.netfilter.shellCommands
            guard !rules.isEmpty else { continue }
            for family in plan.netfilter.families where !tables.contains(family) {
                steps.append(PlanStep("berth's table, the same on every host", BerthTable.shellCommands(family)))
                tables.append(family)
            }
            let words = plan.resources.filter(\.isNetfilter).map(\.words).joined(by: "; ")
            steps.append(PlanStep("\(member.type): \(words)", rules))
        }
        return steps
    }

    /// Every plugin of a list as a call of its program, where nobody knows what its address management would answer.
    public static func calls(
        of list: NetworkConfigurationList, for parameters: AttachmentParameters, environment: Environment
    ) throws(InspectError) -> [PlanStep] {
        var steps: [PlanStep] = []
        for (index, plugin) in list.plugins.enumerated() {
            let configuration: JSONObject
            do throws(CNIError) {
                configuration = try ChainRequest(list: list).attachment(
                    plugin, capabilities: parameters.capabilities, previousResult: nil)
            } catch {
                throw InspectError(error)
            }
            steps.append(
                call(
                    plugin["type"]?.string ?? "", configuration, parameters, environment,
                    index == 0
                        ? "what address it gets is not known before"
                        : "its prevResult is what the plugin before it answered"))
        }
        return steps
    }

    private static func call(
        _ type: String, _ configuration: JSONObject, _ parameters: AttachmentParameters, _ environment: Environment,
        _ note: String
    ) -> PlanStep {
        let folders = (environment["CNI_PATH"] ?? "").split(separator: ":").map(String.init)
        let folder = folders.first { access("\($0)/\(type)", X_OK) == 0 } ?? "/opt/cni/bin"
        let variables = [
            ("CNI_COMMAND", "ADD"), ("CNI_CONTAINERID", parameters.containerID),
            ("CNI_NETNS", parameters.netns ?? ""), ("CNI_IFNAME", parameters.interface.description),
            ("CNI_PATH", folders.joined(by: ":")),
        ]
        let words = variables.map { "\($0.0)=\(ShellWriter.word($0.1))" }.joined(by: " ")
        return PlanStep(
            "\(type): a plugin as CNI calls it; \(note)",
            [
                "printf %s \(ShellWriter.word(JSON.object(configuration).text)) | \(words) "
                    + ShellWriter.word("\(folder)/\(type)")
            ])
    }
}
