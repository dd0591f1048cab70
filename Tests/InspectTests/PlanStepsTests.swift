import CNI
import JSON
import NetCore
import TestSupport
import Testing

@testable import Inspect

/// What a run tells of its network against what `berth plan --as commands` prints.
@Suite struct PlanStepsTests {
    @Test("the steps have the script's commands, all and in its order", arguments: Sample.all)
    func same(_ sample: Sample) throws {
        let plan = try sample.plan()
        let environment = Environment(["CNI_PATH": "/nowhere:/opt/cni/bin"])
        let steps = plan.steps(environment).filter { step in
            !step.commands.contains { $0.hasPrefix("printf %s ") && $0.holds("CNI_COMMAND=ADD") }
        }
        let script = plan.script.split(separator: "\n").map(String.init).filter {
            !$0.hasPrefix("#") && $0 != "set -e"
        }
        #expect(steps.flatMap(\.commands).flatMap { $0.split(separator: "\n").map(String.init) } == script)
        #expect(steps.allSatisfy { !$0.why.isEmpty && !$0.why.holds("\n") })
        #expect(plan.steps(environment).count - steps.count == plan.members.count { $0.plan == nil })
    }

    @Test("a plugin of somebody else's is called as a runtime calls it, with what those before it have made")
    func foreign() throws {
        let list = try NetworkConfigurationList(
            decoding: Array(
                #"""
                {"cniVersion": "1.0.0", "name": "mixed", "plugins": [
                  {"type": "bridge", "ipam": {"type": "static", "addresses": [{"address": "10.9.9.9/24"}]}},
                  {"type": "it's mine", "capabilities": {"mac": true}, "key": "a b"}]}
                """#.utf8))
        let parameters = try AttachmentParameters(
            containerID: "web", netns: "/run/netns/web", interface: LinkName("eth0")!, arguments: CNIArguments(""),
            capabilities: ["mac": "02:00:00:00:00:01"])
        let environment = Environment(["CNI_PATH": "/opt/cni/bin"])
        let plan = try ListPlan(of: list, for: parameters, environment: Environment([:]))
        let last = try #require(plan.steps(environment).last?.commands.first)
        #expect(last.hasSuffix(#"CNI_PATH=/opt/cni/bin '/opt/cni/bin/it'\''s mine'"#))
        // What a shell makes of it.
        let said = try PrivateHost.run { host in
            try host.must("sh", input: "f() { :; }; " + String(last.prefix { $0 != "|" }))
        }
        let configuration = try #require(JSON(parsing: Array(said.utf8)).object)
        #expect(configuration["key"] == "a b" && configuration["name"] == "mixed")
        #expect(configuration["runtimeConfig"] == ["mac": "02:00:00:00:00:01"])
        #expect(configuration["prevResult"]?["ips"]?.array?.first?["address"] == "10.9.9.9/24")
        let unknown = try ListPlan.calls(of: list, for: parameters, environment: environment)
        #expect(unknown.count == 2 && unknown[0].commands[0].holds("CNI_COMMAND=ADD CNI_CONTAINERID=web"))
    }
}
