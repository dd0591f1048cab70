import Glibc
import Lab
import NetCore
import TestSupport
import Testing

@Suite("Commands from node to node")
struct OnTests {
    @Test("on reaches every node from every other, and leaves nothing with the world", arguments: WorldTests.users)
    func everyPair(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            let (before, mounts) = (try lab.state(), lab.mounts())
            host.expect(try lab.lab("start", "standard").exitCode, is: 0, "start")
            let nodes = StandardWorlds.standard.nodes.map(\.name)
            for from in nodes {
                for to in nodes {
                    host.expect(try lab.on(from, "on \(to) hostname"), is: "\(to)\n", "on \(to) in \(from)")
                }
            }
            try lab.on("host", "on moon hostname", exits: 1)
            try lab.on("host", "on web false", exits: 1)
            // Children of the world's first process have been reaped, and none of them is left.
            let busy = try lab.begin("exec", "host", "on", "web", "sleep", "60")
            defer { busy.kill() }
            for _ in 0..<400 where !lab.processes().contains(where: { $0.name == "sleep" }) { usleep(5000) }
            let names = lab.processes().map(\.name)
            host.expect(names.filter { $0 == "sleep" }.count, is: 1, "sleep among \(names)")
            let print = lab.footprint()
            host.expect(try lab.lab("stop").exitCode, is: 0, "stop")
            host.expect(busy.wait(seconds: 10).exitCode, is: 137, "the command, when the world ends")
            try lab.expectNothing(of: print, mounts: mounts, "after stop")
            host.expect(try lab.state().difference(from: before), is: "", "the host after stop")
        }
    }
}
