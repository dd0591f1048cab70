import JSON
import NetCore
import Testing

@testable import MiniRuntime

@Suite("What the kernel writes of control groups, and what is written to it")
struct CgroupTextTests {
    struct Host: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let mountinfo: String
        let memberships: String
        var hidden: Set<String> = []
        /// Controllers and the mount's place and root; nil where the hierarchy has no mount to reach it by.
        let found: [String: String?]
    }

    static let hosts = [
        Host(
            testDescription: "v2",
            mountinfo: """
                24 30 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
                35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
                """,
            memberships: "0::/user.slice/user-0.slice/session-1.scope", found: ["": "/sys/fs/cgroup /"]),
        Host(
            testDescription: "v1 with cpu and cpuacct together, their names in another order, and hybrid",
            mountinfo: """
                31 24 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
                32 31 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
                33 31 0:29 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
                36 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
                37 31 0:33 / /sys/fs/cgroup/memory rw,nosuid shared:16 master:3 - cgroup cgroup rw,seclabel,memory
                """,
            memberships: "9:memory:/user.slice\n4:cpuacct,cpu:/\n1:name=systemd:/init.scope\n0::/init.scope",
            found: [
                "memory": "/sys/fs/cgroup/memory /", "cpuacct,cpu": "/sys/fs/cgroup/cpu,cpuacct /",
                "name=systemd": "/sys/fs/cgroup/systemd /", "": "/sys/fs/cgroup/unified /",
            ]),
        Host(
            testDescription:
                "v1 apart; one hierarchy is nowhere mounted, one is hidden, one is mounted over by another",
            mountinfo: """
                32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
                33 31 0:30 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
                34 31 0:31 / /sys/fs/cgroup/x rw,relatime - cgroup cgroup rw,cpuset
                35 34 0:32 / /sys/fs/cgroup/x rw,relatime - cgroup cgroup rw,blkio
                """,
            memberships: "5:freezer:/\n4:blkio:/\n3:cpuset:/\n2:pids:/\n1:cpu:/", hidden: ["/sys/fs/cgroup/pids"],
            found: [
                "freezer": nil, "blkio": "/sys/fs/cgroup/x /", "cpuset": nil, "pids": nil,
                "cpu": "/sys/fs/cgroup/cpu /",
            ]),
        Host(
            testDescription: "a container that sees a part, and the whole at a place with a space and a backslash",
            mountinfo: #"""
                40 39 0:35 /docker/ab\040c /sys/fs/cgroup/memory ro,nosuid master:5 - cgroup cgroup rw,memory
                41 39 0:35 / /mnt/a\040b\134c rw - cgroup cgroup rw,memory
                42 39 0:36 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
                43 39 0:40 / /sys/fs/cgroup/broken
                """#,
            memberships: "2:memory:/docker/ab c\n1:pids:/docker/abc",
            found: ["memory": #"/mnt/a b\c /"#, "pids": "/sys/fs/cgroup/pids /docker/abc"]),
    ]

    @Test("each hierarchy is found through the mount that shows it", arguments: hosts)
    func mounts(_ host: Host) {
        let mounts = CgroupMount.list(inside: Array(host.mountinfo.utf8))
        #expect(mounts == CgroupMount.list(host.mountinfo))
        var found: [String: String?] = [:]
        for member in CgroupMembership.list(host.memberships) {
            let mount = member.mount(among: mounts) { !host.hidden.contains($0.point) }
            found.updateValue(
                mount.map { "\($0.point) \($0.root)" }, forKey: member.controllers.joined(separator: ","))
        }
        #expect(found == host.found)
    }

    @Test(
        "paths that could leave the hierarchy, or are systemd's, are refused",
        arguments: ["", "/", "a", "/a/../b", "/a/./b", "/a//b", "/a/", "/a\nb", "system.slice:berth:web"])
    func paths(_ path: String) {
        #expect(throws: KernelError.self) { try Cgroup(path: path) }
    }

    private func resources(_ text: String) throws -> CgroupResources {
        try CgroupResources(try #require(try JSON(parsing: Array(text.utf8)).object))
    }

    @Test("v1: the files and values, in an order that the kernel takes")
    func v1() throws {
        let wanted = try resources(
            """
            {"memory":{"limit":1000000,"swap":2000000,"reservation":500000},"cpu":{"shares":1,"quota":-1,"period":50000},
            "pids":{"limit":-1},"blockIO":{"weight":500,"throttleReadBpsDevice":[{"major":8,"minor":16,"rate":1024}]},
            "unknown":{"x":1}}
            """)
        let files = try wanted.v1Writes(["memory", "cpu", "pids", "blkio"]) { $0 == "memory.memsw.limit_in_bytes" }
        #expect(
            files.map { "\($0.file)=\($0.value)" } == [
                "memory.limit_in_bytes=1000000", "memory.memsw.limit_in_bytes=2000000",
                "memory.soft_limit_in_bytes=500000", "cpu.shares=2", "cpu.cfs_period_us=50000", "cpu.cfs_quota_us=-1",
                "pids.max=max", "blkio.bfq.weight=500", "blkio.throttle.read_bps_device=8:16 1024",
            ])
        #expect(try wanted.v1Writes(["freezer"]) { _ in true } == [])
    }

    @Test("v2: swap is counted apart, shares become a weight, a period keeps the quota that is there")
    func v2() throws {
        let wanted = try resources(
            """
            {"memory":{"limit":1000000,"swap":1500000},"cpu":{"shares":1024,"period":50000},"pids":{"limit":5},
            "blockIO":{"weight":1000,"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":10}]},"unified":{"memory.high":"9"}}
            """)
        let present = ["memory.swap.max": "max", "memory.max": "max", "cpu.max": "20000 100000"]
        let files = try wanted.v2Writes(["memory", "cpu", "pids", "io"]) { present[$0] }
        #expect(
            files.map { "\($0.file)=\($0.value)" } == [
                "memory.swap.max=500000", "memory.max=1000000", "cpu.weight=39", "cpu.max=20000 50000", "pids.max=5",
                "io.weight=default 10000", "io.max=8:0 wiops=10", "memory.high=9",
            ])
        #expect(CgroupResources.weight(ofShares: 2) == 1)
        #expect(CgroupResources.weight(ofShares: 262_144) == 10_000)
    }

    @Test("0 and null ask for nothing, so that a host without the controller serves them")
    func nothing() throws {
        let wanted = try resources(
            """
            {"memory":{"limit":0,"swap":0,"swappiness":null,"disableOOMKiller":false},"cpu":{"shares":0,"quota":0,"cpus":""},
            "pids":{"limit":0},"blockIO":{"weight":0,"weightDevice":[],"throttleReadBpsDevice":null},"devices":null}
            """)
        #expect(wanted.needed.isEmpty)
        #expect(try wanted.v2Writes(["memory", "cpu", "pids", "io", "cpuset"]) { _ in nil } == [])
    }

    @Test(
        "figures as people read them",
        arguments: [
            (Int64(268_435_456), "256 MiB"), (1_610_612_736, "1.5 GiB"), (4097, "4097 bytes"), (1 << 30, "1 GiB"),
        ])
    func figures(_ value: Int64, _ text: String) { #expect(CgroupAdvice.bytes(value) == text) }

    @Test("processors as people read them", arguments: [(Int64(500), "0.5 CPU"), (1000, "1 CPU"), (2250, "2.25 CPUs")])
    func processors(_ value: Int64, _ text: String) { #expect(CgroupAdvice.processors(value) == text) }

    @Test("A v2 that nobody mounted is left alone where v1 has all that containers need, and only there")
    func idleUnified() {
        let v1 = ["memory", "pids", "blkio", "freezer", "devices", "cpuset", "cpu,cpuacct", "name=systemd"]
            .map { "1:\($0):/\n" }.joined()
        #expect(CgroupMembership.isUnifiedIdle(CgroupMembership.list(v1 + "0::/\n")))
        #expect(!CgroupMembership.isUnifiedIdle(CgroupMembership.list("0::/\n")))
        for one in ["1:memory:/", "1:blkio:/", "1:freezer:/", "1:cpu,cpuacct:/"] {
            let rest = v1.split(separator: "\n").filter { $0 != one[...] }.joined(separator: "\n")
            #expect(!CgroupMembership.isUnifiedIdle(CgroupMembership.list(rest + "\n0::/\n")), "without \(one)")
        }
    }
}
