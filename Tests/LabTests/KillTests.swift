import Glibc
import NetCore
import TestSupport
import Testing

@Suite("A holder that is killed", .serialized)
struct KillTests {
    @Test("leaves nothing, at whatever moment", arguments: WorldTests.users)
    func anyMoment(uid: Int) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        let killed = try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            var random = Seeded(state: seed)
            let (before, mounts) = (try lab.state(), lab.mounts())
            var killed = 0
            for round in 0..<25 {
                let when = "seed \(seed), user \(uid), round \(round)"
                let starting = try lab.begin("start", "standard")
                // Some while it begins, some when it stands and is in use.
                var busy: RunningChild?
                if round % 5 == 4 {
                    host.expect(starting.wait(seconds: 20).exitCode, is: 0, "start, \(when)")
                    busy = try lab.begin("exec", "web", "sleep", "60")
                    usleep(30_000)
                } else {
                    usleep(UInt32.random(in: 0...90_000, using: &random))
                }
                guard let holder = lab.holder(seconds: 2) else {
                    host.expect(false, "no holder, \(when)")
                    continue
                }
                let print = lab.footprint()
                kill(holder, SIGKILL)
                killed += 1
                let outcome = starting.wait(seconds: 20)
                host.expect(!outcome.timedOut, "the starter ends, \(when)")
                if let busy { host.expect(busy.wait(seconds: 10).exitCode, is: 137, "the command, \(when)") }
                try lab.expectNothing(of: print, mounts: mounts, when)
                host.expect(try lab.lab("status").exitCode, is: 2, "status, \(when)")
            }
            host.expect(try lab.state().difference(from: before), is: "", "the host, seed \(seed)")
            return killed
        }
        #expect(killed == 25)
    }
}

extension LabHost {
    /// The holder's number, from its first moment on: the one process of that name, or the one that is about to take it.
    func holder(seconds: Int) -> pid_t? {
        for _ in 0..<(seconds * 500) {
            for each in processes() where each.name != "berth-world" && !each.name.hasPrefix("berth-node") {
                guard let line = try? Files.read("/proc/\(each.pid)/cmdline"),
                    line.split(separator: 0).contains(where: { $0.elementsEqual("lab-hold".utf8) })
                else { continue }
                // A child that has not taken its own name yet has the holder for its parent.
                if each.name == "berth-lab", let parent = parent(each.pid), name(parent) == "berth-lab" { continue }
                return each.pid
            }
            usleep(2000)
        }
        return nil
    }

    private func name(_ pid: pid_t) -> String {
        String(decoding: ((try? Files.read("/proc/\(pid)/comm")) ?? []).dropLast(), as: UTF8.self)
    }

    private func parent(_ pid: pid_t) -> pid_t? {
        guard let bytes = try? Files.read("/proc/\(pid)/status") else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("PPid:") }
        return line.flatMap { pid_t($0.dropFirst(6)) }
    }
}
