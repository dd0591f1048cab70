import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

/// On the kernel: whatever control groups this host has. `make test-vm` runs them on v2, on v1 and on both.
@Suite("A control group", .serialized)
struct CgroupTests {
    private static let mebibyte: Int64 = 1 << 20

    private static func limit(_ resource: EffectiveLimit.Resource, _ group: Cgroup) throws -> Int64? {
        try group.effective().first { $0.resource == resource && $0.path == group.path }?.value
    }

    @Test("its limits are in the kernel before any process is, and after remove nothing is left")
    func limits() throws {
        let resources: JSONObject = [
            "memory": ["limit": 67_108_864, "reservation": 33_554_432],
            "cpu": ["quota": 50_000, "period": 100_000, "shares": 512, "cpus": "0"],
            "pids": ["limit": 100],
        ]
        let group = try withGroup("limits", resources) { group in
            #expect(try Self.limit(.memory, group) == 64 * Self.mebibyte)
            #expect(try Self.limit(.cpu, group) == 500)
            #expect(try Self.limit(.pids, group) == 100)
            #expect(try group.effective().first { $0.resource == .cpus }?.value == 1)
            #expect(try group.pids() == [])
            let process = try CgroupProcess("echo in; read x", in: group)
            #expect(process.hears(upTo: "in").holds("in"))
            var refusal: KernelError?
            do throws(KernelError) { try group.make(nil) } catch { refusal = error }
            #expect(refusal?.errno == .alreadyExists)
            #expect(try group.pids() == [process.pid])
            let statistics = try group.statistics()
            #expect(statistics.memory?.limit == UInt64(64 * Self.mebibyte))
            #expect(statistics.memory?.usage ?? 0 > 0)
            #expect(statistics.cpu?.total ?? 0 > 0)
            #expect(statistics.pids?.current == 1)
            #expect(statistics.pids?.limit == 100)
            return group
        }
        for hierarchy in group.hierarchies { #expect(!Files.exists(hierarchy.directory(group.path))) }
    }

    @Test("the steps that are told beforehand are those that are told afterwards, and their values stand in the kernel")
    func planned() throws {
        let resources: JSONObject = [
            "memory": ["limit": 67_108_864, "reservation": 33_554_432], "cpu": ["quota": 50_000, "shares": 512],
            "pids": ["limit": 100],
        ]
        // Its parent and what that passes on are there.
        try withGroup("planned-first", resources) { _ in
            let before = try Cgroup(path: "/berth-test-\(getpid())/planned").planned(resources)
            try withGroup("planned", resources) { group in
                let plan = try group.planned(resources)
                #expect(plan.steps == before.steps && plan.joins == before.joins)
                var written = 0
                for step in plan.steps {
                    switch step {
                    case .makeDirectory(let path): #expect(Files.exists("\(path)/cgroup.procs"))
                    case .write(let file, let value, _) where !file.hasSuffix("subtree_control"):
                        let text = String(decoding: try Files.read(file), as: UTF8.self)
                        #expect(text == value + "\n", "\(file)")
                        written += 1
                    default: break
                    }
                }
                #expect(written >= 5)
                #expect(plan.joins.allSatisfy(Files.exists) && plan.joins.count == group.present.count)
            }
        }
        let impossible: JSONObject = ["unified": ["nosuch.max": "1"]]
        #expect(throws: KernelError.self) { try Cgroup(path: "/berth-test-none").planned(impossible) }
    }

    @Test("a process that takes more memory than the group has is killed, and the group says so")
    func outOfMemory() throws {
        let resources: JSONObject = ["memory": ["limit": 33_554_432, "swap": 33_554_432]]
        try withGroup("oom", resources) { group in
            #expect(group.oomKills == 0)
            // A line without an end is held as a whole.
            let process = try CgroupProcess("exec tail /dev/zero", in: group)
            #expect(process.diesOf() == SIGKILL)
            #expect(group.oomKills ?? 0 >= 1)
            #expect(try group.statistics().memory?.peak ?? 0 > 30 << 20)
        }
    }

    @Test("a fork loop stops at its limit, and is killed as a whole, with what is in groups below")
    func forkLoop() throws {
        try withGroup("forks", ["pids": ["limit": 20]]) { group in
            // In v2 a group with limits for those below has no processes of its own.
            let below = try Cgroup(path: "\(group.path)/below/it")
            try below.make(nil)
            let beside = try Cgroup(path: "\(group.path)/beside")
            try beside.make(nil)
            let inner = try CgroupProcess("sleep 1000", in: below)
            let process = try CgroupProcess("for i in $(seq 40); do sleep 1000 & done; echo all; wait", in: beside)
            // The shell gives up where it may not fork.
            _ = process.hears(upTo: "ork", seconds: 60)
            let count = try group.pids().count
            #expect((2...20).contains(count))
            #expect(try group.pids().contains(inner.pid))
            try group.kill()
            #expect(try group.pids() == [])
            #expect(inner.diesOf() == SIGKILL)
        }
    }

    @Test("a quota throttles")
    func quota() throws {
        try withGroup("quota", ["cpu": ["quota": 10_000, "period": 100_000]]) { group in
            let process = try CgroupProcess("while :; do :; done", in: group)
            var throttled: UInt64 = 0
            for _ in 0..<600 where throttled < 3 {
                usleep(50_000)
                throttled = try group.statistics().cpu?.throttledPeriods ?? 0
            }
            #expect(throttled >= 3)
            #expect(process.ends(seconds: 0) == nil)
        }
    }

    @Test("frozen, it says nothing; thawed, it goes on; frozen again, it can be killed")
    func freezer() throws {
        try withGroup("freezer") { group in
            let process = try CgroupProcess("while read line; do echo got $line; done", in: group)
            try process.say("1")
            #expect(process.hears(upTo: "got 1").holds("got 1"))
            try group.freeze()
            #expect(group.isFrozen)
            try process.say("2")
            #expect(process.hears(seconds: 0, milliseconds: 500) == nil)
            try group.thaw()
            #expect(!group.isFrozen)
            #expect(process.hears(upTo: "got 2").holds("got 2"))
            try group.freeze()
            try group.kill()
            #expect(process.diesOf() == SIGKILL)
        }
    }

    @Test("a device that is not allowed cannot be opened until an update allows it, and the default ones can")
    func devices() throws {
        let denied: JSONObject = ["devices": [["allow": false, "access": "rwm"]]]
        try withGroup("devices", denied) { group in
            let script = """
                d=$(mktemp -d); mknod $d/node c 1 11
                try() { (: < $d/node) 2>/dev/null && echo open || echo closed; }
                try; head -c1 /dev/zero >/dev/null && echo default; read x; try; read x; try; rm -r $d; echo done
                """
            let process = try CgroupProcess(script, in: group)
            let first = process.hears(upTo: "default")
            #expect(first.split(separator: "\n") == ["closed", "default"])
            try group.apply([
                "devices": [
                    ["allow": false, "access": "rwm"],
                    ["allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"],
                ]
            ])
            try process.say("again")
            #expect(process.hears(upTo: "open").holds("open"))
            try group.apply(denied)
            try process.say("again")
            #expect(process.hears(upTo: "done").split(separator: "\n") == ["closed", "done"])
        }
    }

    @Test("a block device is throttled; a device that is not there is named as the reason")
    func throttle() throws {
        let name = try #require(try Files.names(in: "/sys/block").sorted().first, "this host has no block device")
        let number = String(decoding: try Files.read("/sys/block/\(name)/dev").dropLast(), as: UTF8.self)
        let parts = number.split(separator: ":").compactMap { Int64($0) }
        func resources(_ major: Int64, _ minor: Int64) -> JSONObject {
            let device: JSON = ["major": .integer(major), "minor": .integer(minor), "rate": 1_048_576]
            return ["blockIO": ["throttleWriteBpsDevice": [device]]]
        }
        try withGroup("throttle", resources(parts[0], parts[1])) { group in
            let io = try #require(group.hierarchy(of: "io"))
            let text = try io.read(group.path, io.version == .v1 ? "blkio.throttle.write_bps_device" : "io.max")
            #expect(text.hasPrefix(number) && text.holds("1048576"), "\(text)")
            var refusal: KernelError?
            do throws(KernelError) { try group.apply(resources(4000, 4000)) } catch { refusal = error }
            #expect(refusal?.errno == .noSuchDevice)
            #expect(refusal?.description.holds("throttleWriteBpsDevice") == true, "\(refusal as Any)")
        }
    }

    @Test("memory and swap are raised and lowered while it runs, in either order; a refused update changes nothing")
    func update() throws {
        func resources(_ memory: Int64, _ swap: Int64) -> JSONObject {
            ["memory": ["limit": .integer(memory * Self.mebibyte), "swap": .integer(swap * Self.mebibyte)]]
        }
        try withGroup("update", resources(64, 128)) { group in
            func seen() throws -> [Int64?] {
                [try Self.limit(.memory, group), try Self.limit(.memoryAndSwap, group)].map {
                    $0.map { $0 / Self.mebibyte }
                }
            }
            #expect(try seen() == [64, 128])
            try group.apply(resources(256, 512))
            #expect(try seen() == [256, 512])
            try group.apply(resources(32, 32))
            #expect(try seen() == [32, 32])
            try group.apply(["cpu": ["quota": 20_000], "pids": ["limit": 7]])
            try group.apply(["cpu": ["period": 50_000]])
            #expect(try Self.limit(.cpu, group) == 400)
            #expect(try seen() == [32, 32])
            var refusal: KernelError?
            do throws(KernelError) {
                try group.apply(["pids": ["limit": 9], "memory": resources(48, 48)["memory"]!, "cpu": ["cpus": "4000"]])
            } catch {
                refusal = error
            }
            #expect(refusal?.description.holds("linux.resources.cpu.cpus") == true, "\(refusal as Any)")
            #expect(try seen() == [32, 32])
            #expect(try Self.limit(.pids, group) == 7)
        }
    }

    @Test("a group in a tighter one is told whose limit counts")
    func nested() throws {
        let resources: JSONObject = [
            "memory": ["limit": 268_435_456], "cpu": ["quota": 50_000, "period": 100_000], "pids": ["limit": 50],
        ]
        try withGroup("pods", resources) { pods in
            let child = try Cgroup(path: "\(pods.path)/web")
            let wish: JSONObject = ["memory": ["limit": 536_870_912], "cpu": ["quota": 100_000], "pids": ["limit": 30]]
            let sentences = try child.exceeding(wish)
            #expect(
                sentences.map { String($0.prefix { $0 != ":" }) } == [
                    "memory 512 MiB is asked for, but \(pods.path) has 256 MiB",
                    "1 CPU is asked for, but \(pods.path) has 0.5 CPU",
                ])
            try child.make(["memory": ["limit": 536_870_912], "pids": ["limit": 30]])
            let effective = try child.effective()
            #expect(effective.first { $0.resource == .memory }?.text == "256 MiB")
            #expect(effective.first { $0.resource == .memory }?.path == pods.path)
            #expect(effective.first { $0.resource == .pids }?.value == 30)
            #expect(effective.first { $0.resource == .pids }?.path == child.path)
            try child.remove()
        }
    }

    @Test(
        "what no kernel or not this one can do is refused before anything is made",
        arguments: [
            (#"{"network":{"classID":1}}"#, "network.classID"), (#"{"rdma":{"mlx5_0":{"hcaHandles":1}}}"#, "rdma"),
            (#"{"memory":{"limit":"1g"}}"#, "memory.limit"), (#"{"memory":{"limit":10,"swap":5}}"#, "memory.swap"),
            (#"{"cpu":{"cpus":"0-"}}"#, "cpu.cpus"), (#"{"cpu":{"quota":5}}"#, "cpu.quota"),
            (#"{"cpu":{"cpus":"0-99999999"}}"#, "cpu.cpus"), (#"{"cpu":{"quota":9223372036854775807}}"#, "cpu.quota"),
            (#"{"pids":{"limit":4194305}}"#, "pids.limit"), (#"{"unified":{"../x":"1"}}"#, "unified.../x"),
            (#"{"unified":{"cgroup.procs":"1"}}"#, "unified.cgroup.procs"),
            (#"{"devices":[{"allow":true,"access":"x"}]}"#, "devices[0].access"),
            (#"{"hugepageLimits":[{"pageSize":"3MB","limit":1}]}"#, "hugepageLimits"),
        ])
    func refused(_ text: String, _ key: String) throws {
        // An unmounted net_cls would be missing on every host of ours; hugetlb has no pages of 3 MB.
        let group = try Cgroup(path: "/berth-test-\(getpid())/refused")
        let resources = try #require(try JSON(parsing: Array(text.utf8)).object)
        var refusal: KernelError?
        do throws(KernelError) { try group.make(resources) } catch { refusal = error }
        #expect(refusal?.description.holds("linux.resources.\(key)") == true, "\(refusal as Any)")
        for hierarchy in group.hierarchies { #expect(!Files.exists(hierarchy.directory(group.path))) }
    }

    @Test("hierarchies that a fresh sysfs hides are reached all the same")
    func hidden() throws {
        let name = "/berth-test-\(getpid())/hidden"
        try PrivateHost.run { host in
            let before = try Cgroup(path: name)
            try host.must("mount -t sysfs sysfs /sys")
            host.expect(!before.hierarchies.contains { $0.has("/") }, "the mounts are still seen")
            let group = try Cgroup(path: name)
            host.expect(
                group.hierarchies.map(\.controllers), is: before.hierarchies.map(\.controllers), "the controllers")
            try group.make(["pids": ["limit": 5]])
            host.expect(try group.effective().contains { $0.resource == .pids && $0.value == 5 }, "no limit")
            try group.remove()
            for hierarchy in group.hierarchies { rmdir(hierarchy.directory("/berth-test-\(getpid())")) }
        }
    }
}
