// swift-tools-version: 6.1
import PackageDescription

// The core (everything that berth-core links) needs no other Swift package and no Foundation; what does
// stands behind the trait "Daemon", so that `swift build --disable-default-traits` fetches nothing.
// Without the implicit imports the linker brings neither regular expressions nor the concurrency runtime. A section a
// function lets it order them; metadata by its accessors need no demangling at run time (docs/adr/0007-start.md).
let core: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .unsafeFlags([
        "-warnings-as-errors", "-Xfrontend", "-disable-implicit-string-processing-module-import", "-Xfrontend",
        "-disable-implicit-concurrency-module-import",
    ]),
    .unsafeFlags(
        [
            "-Xfrontend", "-function-sections", "-Xfrontend",
            "-disable-concrete-type-metadata-mangled-name-accessors",
        ], .when(configuration: .release)),
]

let tests: [SwiftSetting] = [.swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"])]

// berth, which people start: at a fixed address, as its 70,000 relocations cost a start two milliseconds.
let commandLink: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--gc-sections", "-Xlinker", "-z", "-Xlinker", "now", "-Xlinker",
            "--strip-debug",
            "-Xclang-linker", "-no-pie", "-Xclang-linker", "-static-libgcc",
            "-Xclang-linker", "--ld-path=\(Context.packageDirectory)/scripts/lld",
        ], .when(configuration: .release))
]

// berth-core is exec'ed for every operation of a container engine: one static file, not position
// independent, which costs a quarter of a millisecond a start (docs/adr/0002-executables.md). Its code begins where a huge
// page does, in the file and in memory (docs/adr/0007-start.md). Relocations and names are scripts/bolt's, which takes them out.
let staticLink: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-executable", "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "now",
            "-Xclang-linker", "--ld-path=\(Context.packageDirectory)/scripts/lld-core",
            "-Xlinker", "-z", "-Xlinker", "max-page-size=2097152", "-Xlinker", "--section-start=.text=0x400000",
            "-Xlinker", "--gc-sections", "-Xlinker", "--strip-debug", "-Xlinker", "--emit-relocs",
            "-Xlinker", "--wrap=swift_copyAuxiliaryExecutablePath", "-Xlinker", "--wrap=_dl_get_origin", "-Xlinker",
            "--wrap=swift_getCanonicalPrespecializedGenericMetadata", "-Xlinker", "--wrap=__tunables_init", "-Xlinker",
            "--symbol-ordering-file=\(Context.packageDirectory)/scripts/link-order.txt", "-Xlinker",
            "--no-warn-symbol-ordering", "-Xlinker", "\(Context.packageDirectory)/scripts/link-sections.ld",
        ], .when(configuration: .release))
]

// Programs that few calls need, for libraries that have no static archive; the C++ library is taken from one, which
// build/static alone has (scripts/static), and the program has its place in memory: a start in half the time. Functions are bound
// when they are called (-z lazy): of the 300 that it names few are, and its input is its parent's alone.
let besideLink: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-rosegment", "-Xlinker", "-z", "-Xlinker", "lazy",
            "-Xlinker", "--gc-sections", "-Xlinker", "-s", "-Xclang-linker", "-no-pie", "-Xclang-linker",
            "-static-libgcc",
            "-Xclang-linker", "--ld-path=\(Context.packageDirectory)/scripts/lld",
            "-Xlinker", "--wrap=swift_copyAuxiliaryExecutablePath",
            "-Xlinker", "--wrap=swift_getCanonicalPrespecializedGenericMetadata",
            "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/scripts/link-order.txt",
            "-Xlinker", "--no-warn-symbol-ordering",
            "-Xlinker", "\(Context.packageDirectory)/scripts/link-sections.ld",
        ], .when(configuration: .release))
]

let package = Package(
    name: "berth",
    products: [
        .executable(name: "berth-core", targets: ["BerthCore"]),
        .executable(name: "berth", targets: ["berth"]),
        .executable(name: "berth-iptables", targets: ["IptablesBackend"]),
        .executable(name: "berth-firewalld", targets: ["FirewalldBackend"]),
        // For Fuzz/, which is a package of its own.
        .library(name: "BerthModules", targets: ["JSON", "CNI", "NetCore", "Images", "Containers", "Trace"]),
    ],
    traits: [
        .default(enabledTraits: ["Daemon"]),
        .trait(name: "Daemon", description: "The berth command, which needs packages beyond the core's."),
    ],
    dependencies: [
        // Exactly one: completions/ is what it generates, and a test compares.
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibnl", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
        .systemLibrary(name: "CDigest", pkgConfig: "libmd", providers: [.apt(["libmd-dev"])]),
        .systemLibrary(name: "CJSON", pkgConfig: "json-c", providers: [.apt(["libjson-c-dev"])]),
        .target(name: "CKernel", dependencies: ["CLibnl"], cSettings: [.unsafeFlags(["-fstack-protector-strong"])]),
        .target(name: "CStart", cSettings: [.unsafeFlags(["-fstack-protector-strong"])]),
        .target(name: "NetCore", dependencies: ["CKernel", "CDigest"], swiftSettings: core),
        .target(name: "JSON", dependencies: ["CJSON"], swiftSettings: core),
        .target(name: "Trace", dependencies: ["NetCore", "JSON", "CKernel"], swiftSettings: core),
        .target(name: "Explain", dependencies: ["NetCore", "JSON", "CKernel"], swiftSettings: core),
        .target(name: "Topology", dependencies: ["NetCore", "JSON", "CKernel"], swiftSettings: core),
        .target(name: "CNI", dependencies: ["NetCore", "JSON"], swiftSettings: core),
        .target(name: "NetPlan", dependencies: ["NetCore"], swiftSettings: core),
        .target(name: "PluginKit", dependencies: ["NetPlan", "CNI", "JSON", "NetCore"], swiftSettings: core),
        .target(name: "IPAM", dependencies: ["CNI", "JSON", "NetCore"], swiftSettings: core),
        .target(name: "BridgePlugin", dependencies: ["PluginKit", "CKernel"], swiftSettings: core),
        .target(name: "NATPlugin", dependencies: ["PluginKit", "CKernel"], swiftSettings: core),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CTimex"),
        .target(name: "CContainer", cSettings: [.unsafeFlags(["-fstack-protector-strong"])]),
        .target(
            name: "MiniRuntime", dependencies: ["NetCore", "JSON", "CContainer", "CSeccomp"], swiftSettings: core),
        .target(name: "CFiles", cSettings: [.unsafeFlags(["-fstack-protector-strong"])]),
        .target(
            name: "Images", dependencies: ["NetCore", "JSON", "CZlib", "CDigest", "CFiles"], swiftSettings: core),
        .target(name: "Networks", dependencies: ["CNI", "IPAM", "NetPlan", "MiniRuntime"], swiftSettings: core),
        .target(
            name: "Containers",
            dependencies: [
                "MiniRuntime", "CContainer", "Images", "Networks", "Inspect", "NetPlan", "CNI", "JSON", "NetCore",
            ],
            swiftSettings: core),
        .target(
            name: "Engine",
            dependencies: [
                "Containers", "Images", "Networks", "MiniRuntime", "JSON", "NetCore",
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOTLS", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["Daemon"])),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .target(name: "Client", dependencies: ["JSON", "NetCore"], swiftSettings: core),
        .target(
            name: "Lab",
            dependencies: ["NetCore", "JSON", "CKernel", "CContainer", "MiniRuntime", "Client", "Trace", "Topology"],
            swiftSettings: core),
        .target(
            name: "View",
            dependencies: [
                "Lab", "Topology", "Trace", "JSON", "NetCore", "CKernel", "CContainer",
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Daemon"])),
                .product(name: "NIOHTTP1", package: "swift-nio", condition: .when(traits: ["Daemon"])),
            ],
            // The page is part of the program: no file of it can be missing, or be of another version.
            resources: [.embedInCode("Page/page.html")], swiftSettings: [.swiftLanguageMode(.v6)]),
        .target(
            name: "Inspect",
            dependencies: ["NetPlan", "CNI", "IPAM", "PluginKit", "BridgePlugin", "NATPlugin"], swiftSettings: core),
        .target(
            name: "Diagnosis",
            dependencies: ["Inspect", "Explain", "PluginKit", "CNI", "JSON", "NetCore", "CKernel", "CZlib", "CTimex"],
            swiftSettings: core),
        .executableTarget(
            name: "BerthCore",
            dependencies: [
                "PluginKit", "BridgePlugin", "NATPlugin", "IPAM", "CNI", "NetPlan", "CStart", "MiniRuntime", "Networks",
            ],
            swiftSettings: core, linkerSettings: staticLink),
        // Executed once a call on hosts of iptables-legacy.
        .systemLibrary(name: "CIptables", pkgConfig: "libiptc", providers: [.apt(["libiptc-dev"])]),
        .executableTarget(
            name: "IptablesBackend", dependencies: ["NetPlan", "CIptables", "CStart"], swiftSettings: core,
            linkerSettings: besideLink),
        .systemLibrary(name: "CDBus", pkgConfig: "dbus-1", providers: [.apt(["libdbus-1-dev"])]),
        .executableTarget(
            name: "FirewalldBackend", dependencies: ["NetPlan", "CDBus", "CStart"], swiftSettings: core,
            linkerSettings: besideLink),
        .executableTarget(
            name: "berth",
            dependencies: [
                "Inspect", "MiniRuntime", "CNI", "Engine", "Containers", "Client", "Lab", "Trace", "Topology",
                "Explain", "Diagnosis", "View",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Daemon"])),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)], linkerSettings: commandLink),
        .target(name: "TestSupport", dependencies: ["NetCore", "JSON"], path: "Tests/Support", swiftSettings: tests),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: tests),
        .testTarget(name: "NetCoreTests", dependencies: ["NetCore", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "NetPlanTests", dependencies: ["NetPlan", "BridgePlugin", "NATPlugin", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "TraceTests", dependencies: ["Trace", "Explain", "JSON", "NetCore", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "TopologyTests", dependencies: ["Topology", "JSON", "NetCore", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "CNITests", dependencies: ["CNI", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "IPAMTests", dependencies: ["IPAM", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "BridgePluginTests", dependencies: ["BridgePlugin", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "NATPluginTests", dependencies: ["NATPlugin", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "MiniRuntimeTests", dependencies: ["MiniRuntime", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "ImagesTests", dependencies: ["Images", "CFiles", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "NetworksTests", dependencies: ["Networks", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "ContainersTests", dependencies: ["Containers", "Images", "JSON", "NetCore", "TestSupport"],
            swiftSettings: tests),
        .testTarget(name: "ClientTests", dependencies: ["Client", "JSON"], swiftSettings: tests),
        .testTarget(name: "InspectTests", dependencies: ["Inspect", "TestSupport"], swiftSettings: tests),
        // The holder that they start is berth's.
        .testTarget(name: "LabTests", dependencies: ["Lab", "Trace", "TestSupport", "berth"], swiftSettings: tests),
        .testTarget(
            name: "ConformanceTests", dependencies: ["CNI", "Diagnosis", "Inspect", "JSON", "NetCore", "TestSupport"],
            swiftSettings: tests),
    ]
)
