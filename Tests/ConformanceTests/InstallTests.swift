import Glibc
import NetCore
import TestSupport
import Testing

@Suite("scripts/install, into a folder of the test's own")
struct InstallTests {
    /// A copy of what the script needs, so that what `make` built is only read.
    struct Tree {
        let root: String
        let destination: String
        let plugins: String
        let programs: String

        init(_ host: PrivateHost) throws {
            root = "\(host.scratch)/tree"
            destination = "\(host.scratch)/destination"
            plugins = "\(destination)/opt/cni/bin"
            programs = "\(destination)/usr/local/bin"
            try host.must("mkdir -p \(root)/scripts \(root)/build/bin \(root)/build/images \(root)/docs")
            try host.must("tee \(root)/build/images/busybox.tar", input: "an image")
            try host.must("cp -r \(Example.repository)/docs/man \(root)/docs/")
            try host.must("cp -r \(Example.repository)/completions \(root)/")
            for script in ["install", "pieces"] {
                try host.must("cp \(Example.repository)/scripts/\(script) \(root)/scripts/")
            }
            try host.must(
                "cp \(Example.repository)/build/bin/berth-core \(Example.repository)/build/bin/berth-iptables \(Example.repository)/build/bin/berth-firewalld \(root)/build/bin/"
            )
            // The command itself is not run here.
            try host.must("tee \(root)/build/bin/berth", input: "#!/bin/sh\n")
        }

        func install(_ host: PrivateHost, force: Bool = false, remove: Bool = false) throws -> ChildOutcome {
            let environment = [
                "DESTDIR": destination, "PREFIX": "/usr/local", "CNI_BIN_DIR": "/opt/cni/bin",
                "FORCE": force ? "1" : "",
            ]
            return try host.run(
                ["\(root)/scripts/install"] + (remove ? ["--remove"] : []), environment: environment)
        }

        /// Every file and link with its contents or target.
        func listed(_ host: PrivateHost) throws -> String {
            try host.must("find \(destination) -printf %P|%y|%l|%m|%s\\n").split(separator: "\n").sorted()
                .joined(separator: "\n")
        }
    }

    /// What the one program is called besides the plugins.
    private static let links = ["berth-cni", "berth-core", "berth-names", "berth-oci", "berth-shim"]

    @Test("every plugin is a link beside the one program, and answers; a second time changes nothing")
    func installed() throws {
        try PrivateHost.run { host in
            let tree = try Tree(host)
            let outcome = try tree.install(host)
            guard host.expect(outcome.exitCode == 0, "\(outcome)") else { return }
            host.expect(
                try Files.names(in: tree.plugins).sorted(),
                is: (PluginType.allCases.map(\.rawValue) + ["berth-core", "berth-iptables", "berth-firewalld"])
                    .sorted(),
                "files of the folder of plugins")
            for plugin in PluginType.allCases {
                let target = try host.must("readlink \(tree.plugins)/\(plugin.rawValue)")
                host.expect(target, is: "berth-core\n", "\(plugin) leads to")
                let answer = try host.run(
                    ["\(tree.plugins)/\(plugin.rawValue)"], environment: ["CNI_COMMAND": "VERSION"])
                host.expect(answer.exitCode == 0 && answer.text.contains("1.1.0"), "\(answer)")
            }
            host.expect(
                try Files.names(in: tree.programs).sorted(), is: ["berth"] + InstallTests.links, "programs")
            for name in InstallTests.links {
                // As it is once DESTDIR has become the root.
                host.expect(
                    try host.must("readlink \(tree.programs)/\(name)"), is: "/opt/cni/bin/berth-core\n", name)
            }
            let first = try tree.listed(host)
            host.expect(try tree.install(host).exitCode == 0, "a second time")
            host.expect(try tree.listed(host), is: first, "the files after a second time")
        }
    }

    @Test(
        "another's plugin of one of our names stops it before anything is written; FORCE=1 replaces it",
        arguments: ["file", "link", "dangling link"])
    func foreign(_ kind: String) throws {
        try PrivateHost.run { host in
            let tree = try Tree(host)
            try host.must("mkdir -p \(tree.plugins)")
            try host.must("tee \(host.scratch)/other", input: "another's")
            switch kind {
            case "file": try host.must("cp \(host.scratch)/other \(tree.plugins)/portmap")
            case "link": try host.must("ln -s \(host.scratch)/other \(tree.plugins)/portmap")
            default: try host.must("ln -s /nowhere/portmap \(tree.plugins)/portmap")
            }
            try host.must("tee \(tree.plugins)/stranger", input: "not of our names")
            let before = try tree.listed(host)
            let refused = try tree.install(host)
            host.expect(refused.exitCode, is: 1, "exit code")
            for word in ["portmap", "FORCE=1", "nothing was installed"] {
                host.expect(refused.errorOutput.contains(word), "\(word) is not said: \(refused)")
            }
            host.expect(!refused.errorOutput.contains("bridge"), "what is not there is named: \(refused)")
            host.expect(try tree.listed(host), is: before, "the files after the refusal")
            let forced = try tree.install(host, force: true)
            host.expect(forced.exitCode == 0, "\(forced)")
            host.expect(try host.must("readlink \(tree.plugins)/portmap"), is: "berth-core\n", "portmap leads to")
            host.expect(
                try Files.read("\(host.scratch)/other"), is: Array("another's".utf8), "what the link led to")
            host.expect(Files.exists("\(tree.plugins)/stranger"), "a plugin of another name is gone")
        }
    }

    @Test("--remove takes what was installed and leaves what is another's")
    func removed() throws {
        try PrivateHost.run { host in
            let tree = try Tree(host)
            host.expect(try tree.install(host).exitCode == 0, "installing")
            try host.must("tee \(tree.plugins)/stranger", input: "not of our names")
            try host.must("tee \(tree.programs)/stranger", input: "not of our names")
            // Somebody replaced one of ours meanwhile.
            try host.must("rm \(tree.plugins)/tuning")
            try host.must("tee \(tree.plugins)/tuning", input: "another's")
            for time in ["first", "second"] {
                let outcome = try tree.install(host, remove: true)
                host.expect(outcome.exitCode == 0, "\(time): \(outcome)")
                host.expect(try Files.names(in: tree.plugins).sorted(), is: ["stranger", "tuning"], "plugins")
                host.expect(try Files.names(in: tree.programs), is: ["stranger"], "programs")
            }
        }
    }
}
