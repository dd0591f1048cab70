import Glibc
import JSON
import NetCore
import Testing

@testable import Containers
@testable import Images

@Suite("What a create body asks for is judged as a whole (runtime.md 1 to 3)")
struct WishTests {
    static let image = Image(
        id: "sha256:00", tags: ["box:latest"],
        configuration: ["config": ["Cmd": ["sh"], "Env": ["PATH=/bin", "A=1"], "ExposedPorts": ["80/tcp": [:]]]],
        size: 0)

    private func wish(_ text: String) throws -> Wish {
        try Wish(try #require(JSON(parsing: Array(text.utf8)).object), WishTests.image)
    }

    @Test(
        "what cannot be is refused with its status and a word of what is wrong",
        arguments: [
            (#"{"HostConfig": {"Memory": 1024}}"#, 400, "6MB"),
            (#"{"HostConfig": {"CapAdd": ["NOSUCH"]}}"#, 400, "NOSUCH"),
            (#"{"HostConfig": {"MemorySwap": 10}}"#, 400, "Memory limit"),
            (#"{"HostConfig": {"RestartPolicy": {"Name": "sometimes"}}}"#, 400, "sometimes"),
            (#"{"HostConfig": {"AutoRemove": true, "RestartPolicy": {"Name": "always"}}}"#, 400, "AutoRemove"),
            (#"{"HostConfig": {"Binds": ["/a:b"]}}"#, 400, "absolute"),
            (#"{"HostConfig": {"Binds": ["/a:/b/../c"]}}"#, 400, ".."),
            (#"{"HostConfig": {"Binds": ["/a:/b", "/c:/b"]}}"#, 400, "Duplicate"),
            (#"{"HostConfig": {"PortBindings": {"0/tcp": [{}]}}}"#, 400, "port"),
            (#"{"HostConfig": {"PortBindings": {"80/icmp": [{}]}}}"#, 400, "icmp"),
            (#"{"HostConfig": {"SecurityOpt": ["seccomp={"]}}"#, 400, "JSON"),
            (#"{"HostConfig": {"SecurityOpt": ["what"]}}"#, 400, "what"),
            (#"{"HostConfig": {"Ulimits": [{"Name": "nosuch"}]}}"#, 400, "nosuch"),
            (#"{"HostConfig": {"LogConfig": {"Type": "syslog"}}}"#, 400, "syslog"),
            (#"{"HostConfig": {"UsernsMode": "remap"}}"#, 400, "USER mode"),
            (#"{"Healthcheck": {"Test": ["CMD"]}}"#, 400, "without a command"),
            (#"{"Healthcheck": {"Test": ["SHELL", "true"]}}"#, 400, "SHELL"),
            (#"{"Healthcheck": {"Test": ["CMD", "true"], "Interval": 999999}}"#, 400, "1ms"),
            (#"{"Healthcheck": {"Test": ["CMD", "true"], "Retries": -1}}"#, 400, "Retries"),
            (#"{"WorkingDir": "relative"}"#, 400, "relative"),
            (#"{"StopSignal": "SIGNOSUCH"}"#, 400, "SIGNOSUCH"),
            (#"{"HostConfig": {"Runtime": "kata"}}"#, 400, "kata"),
            (#"{"HostConfig": {"VolumeDriver": "nfs"}}"#, 501, "nfs"),
            (#"{"HostConfig": {"StorageOpt": {"size": "1G"}}}"#, 501, "StorageOpt"),
            (#"{"HostConfig": {"DeviceRequests": [{"Driver": "nvidia"}]}}"#, 501, "nvidia"),
            (#"{"HostConfig": {"KernelMemory": 99999999}}"#, 501, "KernelMemory"),
            (#"{"HostConfig": {"CpuRealtimeRuntime": 1000}}"#, 501, "CpuRealtimeRuntime"),
            (#"{"HostConfig": {"BlkioWeight": 5}}"#, 400, "10 to 1000"),
            (#"{"HostConfig": {"MemorySwappiness": 101}}"#, 400, "swappiness"),
            (#"{"HostConfig": {"NanoCpus": 900000000000000}}"#, 400, "Range of CPUs"),
            (#"{"HostConfig": {"CpuPeriod": 10}}"#, 400, "period"),
            (#"{"HostConfig": {"CpuQuota": 10}}"#, 400, "quota"),
            (#"{"HostConfig": {"CpusetCpus": "3-1"}}"#, 400, "3-1"),
            (#"{"HostConfig": {"CpusetCpus": ","}}"#, 400, "cpus"),
            (#"{"HostConfig": {"Ulimits": [{"Name": "nofile", "Soft": 9, "Hard": 8}]}}"#, 400, "9 > 8"),
            (#"{"HostConfig": {"Dns": ["resolver"]}}"#, 400, "resolver"),
            (#"{"HostConfig": {"DnsSearch": ["a\nnameserver 1.2.3.4"]}}"#, 400, "resolv.conf"),
            (#"{"HostConfig": {"ExtraHosts": ["name"]}}"#, 400, "name"),
            (#"{"HostConfig": {"ExtraHosts": ["a b:192.0.2.1"]}}"#, 400, "a b"),
            (#"{"Hostname": "a\nb"}"#, 400, "hostname"),
            (#"{"HostConfig": {"CgroupParent": "/a/../../b"}}"#, 400, "cgroup parent"),
            (#"{"HostConfig": {"UTSMode": "host"}, "Hostname": "web"}"#, 400, "UTS"),
            (#"{"HostConfig": {"NetworkMode": "container:x"}, "Hostname": "web"}"#, 400, "hostname"),
            (#"{"HostConfig": {"IpcMode": "mine"}}"#, 400, "IpcMode"),
            (#"{"HostConfig": {"Sysctls": {"kernel.panic": "1"}}}"#, 400, "change the host"),
            (#"{"HostConfig": {"Sysctls": {"net.a": "1"}, "NetworkMode": "host"}}"#, 400, "host's network"),
            (#"{"HostConfig": {"Sysctls": {"net.../x": "1"}}}"#, 400, "no name"),
            (#"{"HostConfig": {"LogConfig": {"Config": {"max-size": "much"}}}}"#, 400, "much"),
            (#"{"HostConfig": {"LogConfig": {"Config": {"max-file": "3"}}}}"#, 400, "max-size"),
            (#"{"HostConfig": {"LogConfig": {"Config": {"compress": "true"}}}}"#, 501, "compress"),
            (#"{"HostConfig": {"Tmpfs": {"/t": "size=1,upperdir=/"}}}"#, 400, "upperdir"),
            (#"{"HostConfig": {"Mounts": [{"Type": "cluster", "Target": "/a"}]}}"#, 400, "cluster"),
            (
                #"{"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/a", "VolumeOptions": {"Subpath": "x"}}]}}"#,
                501, "Subpath"
            ),
            (#"{"HostConfig": {"PortBindings": {"80-81": [{"HostPort": "8000-8010"}]}}}"#, 400, "8000-8010"),
            (#"{"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "localhost"}]}}}"#, 400, "localhost"),
            (
                #"{"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8"}], "81/tcp": [{"HostPort": "8"}]}}}"#,
                400, "twice"
            ),
            (#"{"ExposedPorts": {"90-80/tcp": {}}}"#, 400, "90-80"),
            (#"{"MacAddress": "xx"}"#, 400, "mac address"),
            (
                #"{"NetworkingConfig": {"EndpointsConfig": {"n": {"IPAMConfig": {"IPv4Address": "::1"}}}}}"#, 400,
                "::1"
            ),
            (#"{"NetworkingConfig": {"EndpointsConfig": {"n": {"Links": ["db"]}}}}"#, 501, "Links"),
            (#"{"Tty": "yes"}"#, 400, "Tty"), (#"{"Env": "A=1", "Cmd": [1]}"#, 400, "Cmd"),
        ])
    func refused(_ body: String, _ status: Int, _ word: String) throws {
        let error = try #require(throws: APIError.self) { _ = try wish(body) }
        #expect(error.status == status && error.description.holds(word), "\(error)")
    }

    @Test("the image's word stands where the request says nothing; an entrypoint takes the image's command away")
    func merged() throws {
        #expect(try wish("{}").arguments == ["sh"])
        #expect(try wish(#"{"Cmd": ["true"]}"#).arguments == ["true"])
        #expect(try wish(#"{"Entrypoint": ["e"]}"#).arguments == ["e"])
        let environment = try wish(#"{"Env": ["A=2", "B=3", "PATH"]}"#).config["Env"]?.array?.compactMap(\.string)
        #expect(environment == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=2", "B=3"])
        #expect(try wish(#"{"Entrypoint": [""], "Cmd": ["true"]}"#).arguments == ["true"])
        let ports = try wish(#"{"HostConfig": {"PublishAllPorts": true}}"#).ports()
        #expect(ports.map(\.containerPort) == [80] && ports.map(\.hostPort) == [0])
    }

    @Test(
        "what clients send without a wish, and what is served, is taken",
        arguments: [
            #"{"Healthcheck": {"Test": ["NONE"]}, "Hostname": "", "Env": ["A=", "B"], "MacAddress": "02:42:ac:11:00:02"}"#,
            #"{"HostConfig": {"Binds": null, "CpuRealtimePeriod": 0, "KernelMemory": 0, "MemorySwappiness": -1, "Isolation": ""}}"#,
            #"{"HostConfig": {"BlkioWeightDevice": [], "DeviceRequests": null, "StorageOpt": null, "VolumeDriver": "", "Runtime": "runc"}}"#,
            #"{"HostConfig": {"MemorySwap": -1, "Memory": 8388608, "CpusetCpus": "0,2-3", "CpuQuota": -1, "PidsLimit": -1}}"#,
            #"{"HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}}}"#,
            #"{"HostConfig": {"ExtraHosts": ["a:192.0.2.1", "b:::1", "c=[2001:db8::1]", "d:host-gateway"], "Dns": ["::1"]}}"#,
            #"{"HostConfig": {"Sysctls": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "5"}, "Tmpfs": {"/t": "rw,exec,size=64m"}}}"#,
            #"{"HostConfig": {"IpcMode": "shareable", "PidMode": "host", "CgroupnsMode": "host", "UTSMode": "host"}}"#,
        ])
    func taken(_ body: String) throws { _ = try wish(body) }

    @Test("a range of ports is as many single ones")
    func ranges() throws {
        let ports = try wish(
            #"{"HostConfig": {"PortBindings": {"7000-7002/udp": [{"HostIp": "127.0.0.1", "HostPort": "8000-8002"}]}}}"#
        ).ports()
        #expect(ports.map(\.containerPort) == [7000, 7001, 7002] && ports.map(\.hostPort) == [8000, 8001, 8002])
        #expect(ports.allSatisfy { $0.protocolName == "udp" && $0.hostAddress == "127.0.0.1" })
        let free = try wish(#"{"HostConfig": {"PortBindings": {"7000-7001": [{"HostPort": "0"}]}}}"#).ports()
        #expect(free.map(\.hostPort) == [0, 0])
        let choice = try wish(#"{"HostConfig": {"PortBindings": {"80": [{"HostPort": "8000-8010"}]}}}"#).ports()
        #expect(choice.map(\.hostPort) == [8000] && choice.map(\.lastHostPort) == [8010])
    }

    @Test("rights are docker's, more or less by name")
    func rights() throws {
        #expect(Set(try Rights.granted([:])) == Set(Rights.standard))
        #expect(try Rights.granted(["CapDrop": ["ALL"], "CapAdd": ["net_admin"]]) == ["CAP_NET_ADMIN"])
        #expect(try Rights.granted(["CapAdd": ["ALL"], "CapDrop": ["CAP_CHOWN"]]).count == Rights.all.count - 1)
        #expect(try Rights.granted(["Privileged": true]).count == 41)
    }

    @Test("the filter lets clone make namespaces only with CAP_SYS_ADMIN, and clone3 never say so")
    func seccomp() {
        func rules(_ name: String, _ capabilities: Set<String>) -> [JSON] {
            (SeccompProfile.document(capabilities)["syscalls"]?.array ?? []).filter {
                ($0["names"]?.array ?? []).contains(.string(name))
            }
        }
        #expect(rules("clone3", []).first?["errnoRet"] == 38)
        #expect(rules("clone", []).first?["args"] != nil && rules("unshare", []).isEmpty && rules("mount", []).isEmpty)
        #expect(rules("clone3", ["CAP_SYS_ADMIN"]).first?["action"] == "SCMP_ACT_ALLOW")
        #expect(!rules("unshare", ["CAP_SYS_ADMIN"]).isEmpty && rules("keyctl", ["CAP_SYS_ADMIN"]).isEmpty)
    }
}

@Suite("Users, names and times")
struct LookupTests {
    /// A root with that /etc/passwd and /etc/group, gone afterwards.
    private func root<Value>(_ passwd: String, _ group: String, _ body: (String) throws -> Value) throws -> Value {
        var template = Array("/tmp/berth-root-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
        let path = String(cString: try #require(mkdtemp(&template)))
        defer { unlinkTree(path) }
        mkdir("\(path)/etc", 0o755)
        for (name, text) in [("passwd", passwd), ("group", group)] {
            let file = open("\(path)/etc/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            _ = write(file, text, text.utf8.count)
            close(file)
        }
        return try body(path)
    }

    @Test("a user is one of the root's own: by name, by number, with groups")
    func users() throws {
        try root("root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n", "staff:x:50:web\nweb:x:44:\n") { root in
            let web = try ContainerUser("web", in: root, extra: [])
            #expect(web.uid == 33 && web.gid == 44 && web.groups == [50] && web.home == "/srv")
            let both = try ContainerUser("7:staff", in: root, extra: ["99"])
            #expect(both.uid == 7 && both.gid == 50 && both.groups == [99])
            #expect(try ContainerUser("", in: root, extra: []).home == "/root")
            #expect(throws: APIError.self) { try ContainerUser("nobody-here", in: root, extra: []) }
        }
    }

    @Test("a link in the root does not lead to the host's passwd")
    func hostile() throws {
        try root("", "") { root in
            unlink("\(root)/etc/passwd")
            symlink("../../../../../../../../etc/passwd", "\(root)/etc/passwd")
            #expect(throws: APIError.self) { try ContainerUser("daemon", in: root, extra: []) }
        }
    }

    @Test("names as Docker takes them; a time is read as it is written")
    func names() throws {
        for good in ["web", "a1", "A_.-b"] { #expect(Names.isSound(good), "\(good)") }
        for bad in ["", "a", "-a", "a b", "a/b", "ä1"] { #expect(!Names.isSound(bad), "\(bad)") }
        let id = Names.newID()
        #expect(id.utf8.count == 64 && Names.isHexadecimal(id) && Names.newID() != id)
        let now = Moment.now
        #expect(Moment(now.text) == now && Moment(Moment.never) == nil)
        #expect(Faults.bytes("10m") == 10 << 20 && Faults.bytes("1g") == 1 << 30 && Faults.bytes("x") == nil)
    }
}
