import JRSystem

SystemProgram.exit(
    await NodeProgram.run(Array(CommandLine.arguments.dropFirst()), environment: SystemProgram.environment))
