# ComBat of R's sva (par.prior, no covariates): Rscript combat.R cases.csv, which has a column scanner and the features.
table <- read.csv(commandArgs(trailingOnly = TRUE)[1], check.names = FALSE)
features <- t(as.matrix(table[, names(table) != "scanner"]))
suppressMessages(library(sva))
adjusted <- suppressMessages(ComBat(features, batch = table$scanner, par.prior = TRUE))
write.csv(signif(as.data.frame(t(adjusted)), 9), row.names = FALSE, quote = FALSE)
