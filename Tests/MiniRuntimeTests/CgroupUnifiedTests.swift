import CContainer
import CKernel
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

extension CgroupTests {
    /// What only v2 has. Run by `make test-vm`, whose last word fails when one of them was left out: few machines that berth
    /// is built on give all controllers to v2, and these move the test's own process about.
    @Suite("of v2", .serialized, .enabled(if: getenv("BERTH_TEST_VM_UNIFIED") != nil, "in the virtual machine"))
    struct Unified {
        @Test("an update of the devices replaces the program before it")
        func oneProgram() throws {
            try withGroup("programs", ["devices": [["allow": false, "access": "rwm"]]]) { group in
                let directory = try #require(group.hierarchies.first).directory(group.path)
                let descriptor = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY)
                for _ in 0..<3 {
                    #expect(berth_cgroup_device_programs(descriptor.number) == 1)
                    try group.apply(["devices": [["allow": true, "access": "rwm"]]])
                }
                #expect(berth_cgroup_device_programs(descriptor.number) == 1)
            }
        }

        @Test("raw keys are written; one that the kernel has not is named")
        func unified() throws {
            try withGroup("unified", ["unified": ["memory.high": "16777216"]]) { group in
                let hierarchy = try #require(group.hierarchies.first)
                #expect(try hierarchy.read(group.path, "memory.high") == "16777216")
                var refusal: KernelError?
                do throws(KernelError) { try group.apply(["unified": ["memory.nothing": "1"]]) } catch {
                    refusal = error
                }
                #expect(refusal?.description.holds("memory.nothing") == true)
            }
        }

        @Test("what v2 has nothing for is refused, and nothing is made")
        func absent() throws {
            for text in [
                #"{"memory":{"swappiness":10}}"#, #"{"memory":{"disableOOMKiller":true}}"#,
                #"{"cpu":{"realtimeRuntime":5}}"#,
            ] {
                let group = try Cgroup(path: "/berth-test-absent")
                #expect(throws: KernelError.self) { try group.make(try JSON(parsing: Array(text.utf8)).object) }
                #expect(group.hierarchies.allSatisfy { !$0.has(group.path) })
            }
        }

        @Test("a group that systemd gave to a service is not ours to make groups in, unless we are that service")
        func delegated() throws {
            try withGroup("service") { service in
                let hierarchy = try #require(service.hierarchies.first)
                let attribute = try CgroupProcess(
                    "python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"trusted.delegate\", b\"1\")' "
                        + hierarchy.directory(service.path))
                try attribute.go()
                try #require(attribute.ends() == 0)
                let group = try Cgroup(path: "\(service.path)/web")
                var refusal: KernelError?
                do throws(KernelError) { try group.make(nil) } catch { refusal = error }
                #expect(refusal?.errno == .accessDenied)
                #expect(refusal?.description.holds("delegated") == true)

                // As the service itself: its processes make way.
                try service.add(getpid())
                defer { do { try hierarchy.write("/", "cgroup.procs", "\(getpid())") } catch {} }
                let own = try Cgroup(path: "\(service.path)/web")
                try own.make(["pids": ["limit": 5]])
                #expect(try own.effective().contains { $0.resource == .pids && $0.path == own.path })
                #expect(try hierarchy.read("\(service.path)/berth-host", "cgroup.procs") == "\(getpid())")
                try hierarchy.write("/", "cgroup.procs", "\(getpid())")
            }
        }

        @Test("in a container that sees its own group as the root, processes there make way")
        func namespaced() throws {
            try withGroup("outer") { outer in
                let hierarchy = try #require(outer.hierarchies.first)
                try outer.add(getpid())
                defer { do { try hierarchy.write("/", "cgroup.procs", "\(getpid())") } catch {} }
                let seen = try PrivateHost.run { host in
                    try check("make a cgroup namespace") { berth_unshare(berth_clone_newcgroup()) }
                    try host.must("mount -t cgroup2 cgroup2 /mnt")
                    try host.must("umount -l /sys/fs/cgroup")
                    let group = try Cgroup(path: "/web")
                    host.expect(group.hierarchies.map(\.mountPoint), is: ["/mnt"], "the place of the hierarchy")
                    try group.make(["memory": ["limit": 33_554_432]])
                    let seen = try group.effective().map { "\($0.resource) \($0.path)" }
                    try group.remove()
                    return seen
                }
                #expect(seen.contains("memory /web"))
                #expect(try hierarchy.read("\(outer.path)/berth-host", "cgroup.procs") == "\(getpid())")
                try hierarchy.write("/", "cgroup.procs", "\(getpid())")
            }
        }
    }
}
