// swift-tools-version: 6.2
import PackageDescription

// Every Swift target is built with the same strict settings; there are no package dependencies, on purpose.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

/// A library that is run once a command: to optimize it would take longer than all its runs on a machine, and a third
/// of the time of a build went into such code.
func libraryRunOnce(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict + runOnce)
}

let runOnce: [SwiftSetting] = [.unsafeFlags(["-Onone"], .when(configuration: .release))]

func program(
    _ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = [], linker: [LinkerSetting] = []
) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict + settings, linkerSettings: linker)
}

/// The Swift runtime goes into the program: it starts in two thirds of the time, takes less memory, and runs where no
/// toolchain is. Not for debugging builds, which link faster without, and not for jr-node, whose jobs are libraries that
/// share its runtime. Nobody looks for symbols in them, and what nobody can find is left out where it is not used.
let runtimeInside: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib", "-Xlinker", "--no-export-dynamic"], .when(configuration: .release))
]

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

// Pure: no system calls, clock, randomness, threads or Foundation. TidyTests holds the table of allowed imports.
let pure: [Target] = [
    .target(name: "CJRChecksum"),
    library("JRBase", ["CJRChecksum"]),
    library("JRJSON"),
    library("JRWire", ["JRBase"]),
    library("JRCore", ["JRBase", "JRWire"]),
    library("JRJournal", ["JRBase"]),
    library("JRSettings", ["JRBase"]),
    library("JRSupervision", ["JRSettings", "JRBase", "JRJSON"]),
    libraryRunOnce("JRManifest", ["JRSupervision", "JRSettings", "JRBase", "JRJSON"]),
    libraryRunOnce("JRChaos", ["JRSupervision", "JRBase", "JRJSON"]),
    libraryRunOnce("JRCommandLine", ["JRSettings", "JRBase", "JRJSON"]),
]

// Shells: thin, own the side effects.
let shells: [Target] = [
    .target(name: "CJRLinux"),
    library("JRSystem", ["CJRLinux", "JRBase"]),
    library("JRReactor", ["JRSystem", "JRBase"]),
    library("JRStorage", ["JRCore", "JRWire", "JRJSON", "JRJournal", "JRReactor", "JRSystem", "JRBase"]),
    library(
        "JobReactor", ["JRCore", "JRWire", "JRJSON", "JRSettings", "JRStorage", "JRReactor", "JRSystem", "JRBase"]),
    library("JobReactorTesting", ["JobReactor", "JRCore"]),
    library(
        "JRSupervisor",
        ["JRSupervision", "JRManifest", "JRChaos", "JRJSON", "JRWire", "JRReactor", "JRSystem", "JRBase"]),
]

let programs: [Target] = [
    program(
        "jr",
        [
            "JobReactor", "JRStorage", "JRCommandLine", "JRJSON", "JRCore", "JRWire", "JRReactor", "JRSystem",
            "JRBase",
        ],
        linker: runtimeInside),
    // Compiled job files are loaded into jr-node and call the library inside it: the executable must export its
    // symbols.
    program(
        "jr-node",
        [
            "JobReactor", "JRCommandLine", "JRSettings", "JRJSON", "JRCore", "JRWire", "JRReactor", "JRSystem",
            "JRBase",
        ],
        linker: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]),
    program(
        "jr-distributor", ["JobReactor", "JRCommandLine", "JRSettings", "JRReactor", "JRSystem", "JRBase"],
        linker: runtimeInside),
    program(
        "jr-supervisor",
        [
            "JRSupervisor", "JRSupervision", "JRManifest", "JRChaos", "JRCommandLine", "JRJSON", "JRReactor",
            "JRSystem", "JRBase",
        ],
        settings: runOnce, linker: runtimeInside),
    // In C, and linked with no library that has to be loaded: it comes before every foreign program, and the supervisor
    // waits for it.
    .executableTarget(
        name: "jr-exec", linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"])]),
]

let testTargets: [Target] = [
    library("TestSupport", ["JRCore", "JRWire", "JRSystem"], path: "Tests/TestSupport"),
    tests("JRBaseTests", ["JRBase"]),
    tests("JRJSONTests", ["JRJSON"]),
    tests("JRWireTests", ["JRWire", "JRBase"]),
    tests("JRCoreTests", ["TestSupport", "JRCore", "JRWire", "JRSettings", "JRBase"]),
    tests("JRJournalTests", ["JRJournal", "JRBase"]),
    tests("JRSettingsTests", ["JRSettings", "JRBase"]),
    tests("JRSupervisionTests", ["TestSupport", "JRManifest", "JRSupervision", "JRSettings", "JRJSON", "JRBase"]),
    tests("JRManifestTests", ["TestSupport", "JRManifest", "JRSupervision", "JRSettings", "JRJSON", "JRBase"]),
    tests("JRChaosTests", ["JRChaos", "JRSupervision", "JRJSON", "JRBase"]),
    tests("JRCommandLineTests", ["JRCommandLine", "JRSettings", "JRJSON", "JRBase"]),
    tests("JRSystemTests", ["TestSupport", "JRSystem", "JRBase"]),
    tests("JRReactorTests", ["TestSupport", "JRReactor", "JRSystem", "JRBase"]),
    tests(
        "JRStorageTests",
        ["TestSupport", "JRStorage", "JRCore", "JRWire", "JRJSON", "JRJournal", "JRReactor", "JRSystem", "JRBase"]),
    tests(
        "JobReactorTests",
        ["TestSupport", "JobReactor", "JRCore", "JRWire", "JRSettings", "JRReactor", "JRSystem", "JRBase"]),
    tests("JobReactorTestingTests", ["JobReactorTesting", "JobReactor"]),
    tests(
        "JRSupervisorTests",
        [
            "TestSupport", "JRSupervisor", "JRSupervision", "JRManifest", "JRChaos", "JRJSON", "JRReactor", "JRSystem",
            "JRBase",
        ]),
    tests(
        "AllocationTests",
        [
            "TestSupport", "JobReactor", "JRStorage", "JRJournal", "JRCore", "JRWire", "JRReactor", "JRJSON",
            "JRSystem", "JRBase",
        ]),
    tests("TidyTests", []),
    // Its snippets are a program of their own, compiled as a user's is.
    tests("UsageTests", ["TestSupport", "JobReactor", "JobReactorTesting"], exclude: ["Snippets"]),
    tests("EndToEndTests", ["TestSupport", "JobReactor", "JRWire", "JRReactor", "JRSystem", "JRBase", "JRJSON"]),
]

let package = Package(
    name: "job-reactor",
    products: [
        .library(name: "JobReactor", targets: ["JobReactor"]),
        .library(name: "JobReactorTesting", targets: ["JobReactorTesting"]),
        .executable(name: "jr", targets: ["jr"]),
        .executable(name: "jr-node", targets: ["jr-node"]),
        .executable(name: "jr-distributor", targets: ["jr-distributor"]),
        .executable(name: "jr-supervisor", targets: ["jr-supervisor"]),
        .executable(name: "jr-exec", targets: ["jr-exec"]),
    ],
    targets: pure + shells + programs + testTargets
)
